// Tries an echo server with the client of Node's `ws` library; its scenarios are those of client_scenarios.py.
"use strict";

const fs = require("fs");
const WebSocket = require("/usr/share/nodejs/ws");

const SIZES = [1, 125, 126, 127, 65535, 65536, 1 << 20];

function argumentsOf(words) {
  const options = { url: words[0], deflate: false, ca: null, seconds: 30, subprotocol: "superchat", largest: 1 << 20 };
  for (let i = 1; i < words.length; i++) {
    if (words[i] === "--deflate") options.deflate = true;
    else if (words[i] === "--ca") options.ca = words[++i];
    else if (words[i] === "--seconds") options.seconds = Number(words[++i]);
    else if (words[i] === "--expect-subprotocol") options.subprotocol = words[++i];
    else throw new Error(`unknown argument ${words[i]}`);
  }
  if (!["127.0.0.1", "localhost", "[::1]"].includes(new URL(options.url).hostname)) throw new Error("only this machine is spoken to");
  return options;
}

// One connection; what arrives is kept until it is asked for.
class Peer {
  constructor(options, protocols) {
    this.arrived = [];
    this.waiting = [];
    this.socket = new WebSocket(options.url, protocols, {
      perMessageDeflate: options.deflate ? { threshold: 0 } : false,
      ca: options.ca ? fs.readFileSync(options.ca) : undefined,
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on("open", resolve);
      this.socket.on("error", reject);
    });
    this.closed = new Promise((resolve) =>
      this.socket.on("close", (code, reason) => {
        this.put({ close: code, reason: reason.toString() });
        resolve({ code, reason: reason.toString() });
      }));
    this.socket.on("message", (data, isBinary) => this.put({ data: isBinary ? data : data.toString() }));
    this.socket.on("pong", (data) => this.put({ pong: data }));
  }

  put(event) {
    const next = this.waiting.shift();
    if (next) next(event);
    else this.arrived.push(event);
  }

  next() {
    const event = this.arrived.shift();
    return event ? Promise.resolve(event) : new Promise((resolve) => this.waiting.push(resolve));
  }

  async expectEcho(message) {
    this.socket.send(message);
    await this.expect(message);
  }

  async expect(message) {
    const { data } = await this.next();
    const same = typeof message === "string" ? data === message : Buffer.isBuffer(data) && data.equals(message);
    if (!same) throw new Error(`came back: ${String(data).slice(0, 60)}`);
  }

  async expectClose(code, reason) {
    const event = await this.next();
    if (event.close !== code) throw new Error(`not closed with ${code}: ${JSON.stringify(event).slice(0, 80)}`);
    if (reason !== undefined && event.reason !== reason) throw new Error(`close reason ${event.reason}`);
  }
}

const scenarios = {
  async text(peer) { await peer.expectEcho("Hello, Grüße, 世界, 🚕"); },
  async binary(peer) { await peer.expectEcho(Buffer.from(Array.from({ length: 256 }, (_, i) => i))); },
  async empty(peer) {
    await peer.expectEcho("");
    await peer.expectEcho(Buffer.alloc(0));
  },
  async fragmented(peer) {
    for (const parts of [["one, ", "two, ", "", "dreißig"], ["", "", ""]]) {
      parts.forEach((part, i) => peer.socket.send(part, { fin: i === parts.length - 1 }));
      await peer.expect(parts.join(""));
    }
    peer.socket.send(Buffer.from([0, 1]), { fin: false });
    peer.socket.send(Buffer.alloc(70000, 255), { fin: true });
    await peer.expect(Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(70000, 255)]));
  },
  async pipelined(peer) {
    for (let i = 0; i < 1000; i++) peer.socket.send(`message ${i}`);
    for (let i = 0; i < 1000; i++) await peer.expect(`message ${i}`);
  },
  async ping(peer) {
    for (const payload of [Buffer.alloc(0), Buffer.from("payload"), Buffer.alloc(125)]) {
      peer.socket.ping(payload);
      const { pong } = await peer.next();
      if (!pong || !pong.equals(payload)) throw new Error("another pong");
    }
    await peer.expectEcho("after the pongs");
  },
  async "client-close"(peer) {
    peer.socket.close(4000, "from the client");
    await peer.expectClose(4000);
  },
  async "server-close"(peer) {
    peer.socket.send("close 4001 bye");
    await peer.expectClose(4001, "bye");
  },
  async subprotocol(peer, options) {
    if (peer.socket.protocol !== options.subprotocol) throw new Error(`the server chose ${peer.socket.protocol}`);
    await peer.expectEcho("negotiated");
  },
  async "bad-utf8"(peer) {
    peer.socket.send(Buffer.from([0x61, 0xc0, 0xaf]), { binary: false });
    await peer.expectClose(1007);
  },
  async "too-big"(peer, options) {
    peer.socket.send(Buffer.alloc(options.largest + 1, 1), { compress: false });
    await peer.expectClose(1009);
  },
};
for (const size of SIZES) {
  scenarios[`size-${size}`] = async (peer) => {
    await peer.expectEcho("x".repeat(size));
    await peer.expectEcho(Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * i)));
  };
}

async function attempt(name, options) {
  const peer = new Peer(options, name === "subprotocol" ? ["superchat", "chat"] : []);
  const late = new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`not done within ${options.seconds} s`)), options.seconds * 1000);
    timer.unref();
  });
  try {
    await Promise.race([late, peer.opened]);
    if (options.deflate && !peer.socket.extensions.includes("permessage-deflate")) throw new Error("no compression");
    await Promise.race([late, scenarios[name](peer, options)]);
    return { scenario: name, ok: true, detail: "" };
  } catch (error) {
    return { scenario: name, ok: false, detail: String(error.message) };
  } finally {
    peer.socket.close();
    await Promise.race([late, peer.closed]).catch(() => {});
    peer.socket.terminate();
  }
}

async function main() {
  const options = argumentsOf(process.argv.slice(2));
  let allHeld = true;
  for (const name of Object.keys(scenarios)) {
    const result = await attempt(name, options);
    console.log(JSON.stringify(result));
    allHeld = allHeld && result.ok;
  }
  process.exitCode = allHeld ? 0 : 1;
}

main();
