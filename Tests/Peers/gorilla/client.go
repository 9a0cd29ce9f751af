// Tries an echo server with the client of gorilla/websocket; its scenarios are those of client_scenarios.py.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

type scenario struct {
	name string
	run  func(*websocket.Conn) error
}

func expect(connection *websocket.Conn, kind int, payload []byte) error {
	gotKind, got, err := connection.ReadMessage()
	if err != nil {
		return err
	}
	if gotKind != kind || !bytes.Equal(got, payload) {
		return fmt.Errorf("%d bytes of kind %d came back for %d of kind %d", len(got), gotKind, len(payload), kind)
	}
	return nil
}

func echo(connection *websocket.Conn, kind int, payload []byte) error {
	if err := connection.WriteMessage(kind, payload); err != nil {
		return err
	}
	return expect(connection, kind, payload)
}

func expectClose(connection *websocket.Conn, code int, reason string) error {
	_, got, err := connection.ReadMessage()
	var end *websocket.CloseError
	if !errors.As(err, &end) {
		return fmt.Errorf("%d bytes, %v: not a close with %d", len(got), err, code)
	}
	if end.Code != code || (reason != "" && end.Text != reason) {
		return fmt.Errorf("closed with %d %q", end.Code, end.Text)
	}
	return nil
}

// One message in fragments: the library cuts where its write buffer is full.
func fragmented(connection *websocket.Conn) error {
	payload := bytes.Repeat([]byte("dreißig "), 10_000)
	writer, err := connection.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	for start := 0; start < len(payload); start += 1000 {
		if _, err := writer.Write(payload[start : start+1000]); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return expect(connection, websocket.TextMessage, payload)
}

func pipelined(connection *websocket.Conn) error {
	sent := make(chan error, 1)
	go func() {
		for i := 0; i < 1000; i++ {
			if err := connection.WriteMessage(websocket.TextMessage, []byte(fmt.Sprint("message ", i))); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := 0; i < 1000; i++ {
		if err := expect(connection, websocket.TextMessage, []byte(fmt.Sprint("message ", i))); err != nil {
			return err
		}
	}
	return <-sent
}

// Pongs are seen only while reading: the text behind a ping comes back behind its pong.
func ping(connection *websocket.Conn) error {
	var pong *string
	connection.SetPongHandler(func(payload string) error {
		pong = &payload
		return nil
	})
	for _, payload := range []string{"", "payload", strings.Repeat("x", 125)} {
		pong = nil
		if err := connection.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if err := echo(connection, websocket.TextMessage, []byte("after the ping")); err != nil {
			return err
		}
		if pong == nil || *pong != payload {
			return errors.New("no pong, or another")
		}
	}
	return nil
}

func clientClose(connection *websocket.Conn) error {
	payload := websocket.FormatCloseMessage(4000, "from the client")
	if err := connection.WriteControl(websocket.CloseMessage, payload, time.Now().Add(time.Minute)); err != nil {
		return err
	}
	return expectClose(connection, 4000, "")
}

func sending(kind int, payload []byte, then func(*websocket.Conn) error) func(*websocket.Conn) error {
	return func(connection *websocket.Conn) error {
		// The server may hang up while this is still being written; what counts is its close.
		_ = connection.WriteMessage(kind, payload)
		return then(connection)
	}
}

func closedWith(code int, reason string) func(*websocket.Conn) error {
	return func(connection *websocket.Conn) error { return expectClose(connection, code, reason) }
}

func scenarios() []scenario {
	all := []scenario{
		{"text", func(c *websocket.Conn) error { return echo(c, websocket.TextMessage, []byte("Hello, Grüße, 世界, 🚕")) }},
		{"binary", func(c *websocket.Conn) error { return echo(c, websocket.BinaryMessage, []byte{0, 1, 127, 128, 255}) }},
		{"empty", func(c *websocket.Conn) error { return echo(c, websocket.TextMessage, []byte{}) }},
		{"fragmented", fragmented},
		{"pipelined", pipelined},
		{"ping", ping},
		{"client-close", clientClose},
		{"server-close", sending(websocket.TextMessage, []byte("close 4001 bye"), closedWith(4001, "bye"))},
		{"subprotocol", func(c *websocket.Conn) error {
			if c.Subprotocol() != "superchat" {
				return fmt.Errorf("the server chose %q", c.Subprotocol())
			}
			return echo(c, websocket.TextMessage, []byte("negotiated"))
		}},
		{"bad-utf8", sending(websocket.TextMessage, []byte{'a', 0xC0, 0xAF}, closedWith(1007, ""))},
		{"too-big", sending(websocket.BinaryMessage, make([]byte, 1<<20+1), closedWith(1009, ""))},
	}
	for _, size := range []int{1, 125, 126, 127, 65535, 65536, 1 << 20} {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = byte(i * i)
		}
		all = append(all, scenario{fmt.Sprint("size-", size), func(c *websocket.Conn) error {
			if err := echo(c, websocket.BinaryMessage, payload); err != nil {
				return err
			}
			return echo(c, websocket.TextMessage, bytes.Repeat([]byte("x"), len(payload)))
		}})
	}
	return all
}

type result struct {
	Scenario string `json:"scenario"`
	OK       bool   `json:"ok"`
	Detail   string `json:"detail"`
}

func attempt(one scenario, target string, dialer websocket.Dialer, seconds float64) error {
	if one.name == "subprotocol" {
		dialer.Subprotocols = []string{"superchat", "chat"}
	}
	if one.name == "too-big" {
		dialer.EnableCompression = false
	}
	connection, response, err := dialer.Dial(target, nil)
	if err != nil {
		return err
	}
	defer connection.Close()
	extensions := response.Header.Get("Sec-Websocket-Extensions")
	if dialer.EnableCompression && !strings.Contains(extensions, "permessage-deflate") {
		return errors.New("no compression")
	}
	deadline := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	_ = connection.SetReadDeadline(deadline)
	_ = connection.SetWriteDeadline(deadline)
	return one.run(connection)
}

func main() {
	authority := flag.String("ca", "", "trust this authority for wss:")
	deflate := flag.Bool("deflate", false, "compress messages")
	seconds := flag.Float64("seconds", 30, "deadline of each scenario")
	target := flag.String("url", "", "an echo server on this machine")
	flag.Parse()
	where, err := url.Parse(*target)
	if err != nil || !net.ParseIP(where.Hostname()).IsLoopback() {
		fmt.Fprintln(os.Stderr, "only this machine is spoken to, by its address")
		os.Exit(64)
	}
	dialer := websocket.Dialer{EnableCompression: *deflate, WriteBufferSize: 4096}
	if *authority != "" {
		pem, err := os.ReadFile(*authority)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		dialer.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	code := 0
	lines := json.NewEncoder(os.Stdout)
	for _, one := range scenarios() {
		outcome := result{Scenario: one.name, OK: true}
		if err := attempt(one, *target, dialer, *seconds); err != nil {
			outcome.OK, outcome.Detail, code = false, err.Error(), 1
		}
		_ = lines.Encode(outcome)
	}
	os.Exit(code)
}
