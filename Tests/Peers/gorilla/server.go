// An echo server of gorilla/websocket. The text `close CODE REASON` closes so; prints `listening PORT`.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

var closeAsked = regexp.MustCompile(`^close (\d+) ?(.*)$`)

func serve(connection *websocket.Conn) {
	defer connection.Close()
	connection.SetReadLimit(1 << 20)
	for {
		kind, payload, err := connection.ReadMessage()
		if err != nil {
			return
		}
		if asked := closeAsked.FindSubmatch(payload); kind == websocket.TextMessage && asked != nil {
			code, _ := strconv.Atoi(string(asked[1]))
			message := websocket.FormatCloseMessage(code, string(asked[2]))
			_ = connection.WriteControl(websocket.CloseMessage, message, time.Now().Add(time.Minute))
			// The close that answers ours ends the next read.
			continue
		}
		if connection.WriteMessage(kind, payload) != nil {
			return
		}
	}
}

func main() {
	certificate := flag.String("cert", "", "certificate chain, PEM: serve TLS")
	key := flag.String("key", "", "its private key, PEM")
	deflate := flag.Bool("deflate", false, "compress messages")
	flag.Parse()
	time.AfterFunc(2*time.Minute, func() { os.Exit(0) })
	upgrader := websocket.Upgrader{EnableCompression: *deflate, Subprotocols: []string{"chat", "superchat"}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil && *certificate != "" {
		var identity tls.Certificate
		identity, err = tls.LoadX509KeyPair(*certificate, *key)
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{identity}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	err = http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		connection, err := upgrader.Upgrade(writer, request, nil)
		if err != nil {
			return
		}
		serve(connection)
	}))
	fmt.Fprintln(os.Stderr, err)
}
