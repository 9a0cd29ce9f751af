internal import HTTPTypes

/// A request whose head has come, and what follows from the head (RFC 9112 sections 6 and 9).
package struct IncomingRequest: Hashable, Sendable {
    package let head: RequestHead
    /// The head as it came.
    package let bytes: [UInt8]
    let framing: BodyFraming

    init(_ head: RequestHead, _ bytes: [UInt8]) throws(HeadError) {
        self.head = head
        self.bytes = bytes
        framing = try BodyFraming(head)
        if let expectation = head.fields[.expect], !head.isHTTP10,
            !expectation.utf8.equalsIgnoringASCIICase("100-continue".utf8)
        {
            throw HeadError(status: 417, message: "Expect other than 100-continue (RFC 9110 section 10.1.1)")
        }
    }

    /// Whether a body follows.
    package var hasBody: Bool { framing != .length(0) }

    /// Whether the client waits to be told before it sends the body. "A server that receives a 100-continue expectation
    /// in an HTTP/1.0 request MUST ignore that expectation" (RFC 9110 section 10.1.1).
    package var expectsContinue: Bool { hasBody && !head.isHTTP10 && head.fields[.expect] != nil }

    /// Whether another request may follow on the connection (RFC 9112 section 9.3).
    ///
    /// Not behind one that asked for a WebSocket and got another answer: a proxy may believe that what follows is no
    /// HTTP any more, and let anything through.
    package var mayKeepAlive: Bool {
        !head.isHTTP10 && !head.fields.lists("close", in: .connection) && !head.fields.lists("websocket", in: .upgrade)
    }
}
