// An echo server of Node's `ws` library. The text `close CODE REASON` closes so; prints `listening PORT`.
"use strict";

const fs = require("fs");
const http = require("http");
const https = require("https");
const { WebSocketServer } = require("/usr/share/nodejs/ws");

const words = process.argv.slice(2);
const value = (name) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);

const server = value("--cert")
  ? https.createServer({ cert: fs.readFileSync(value("--cert")), key: fs.readFileSync(value("--key")) })
  : http.createServer();
const echo = new WebSocketServer({
  server,
  maxPayload: 1 << 20,
  perMessageDeflate: words.includes("--deflate") ? { threshold: 0 } : false,
  handleProtocols: (offered) => (offered.has("chat") ? "chat" : false),
});
echo.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    const asked = isBinary ? null : /^close (\d+) ?(.*)$/.exec(data.toString());
    if (asked) socket.close(Number(asked[1]), asked[2]);
    else socket.send(data, { binary: isBinary });
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
setTimeout(() => process.exit(0), 120000);
