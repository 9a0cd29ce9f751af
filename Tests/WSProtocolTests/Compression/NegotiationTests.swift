import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

/// Who agrees to what (RFC 7692 section 7.1).
@Suite(.timeLimit(.minutes(2))) struct NegotiationTests {
    private static let name = "permessage-deflate"

    private func answer(to offers: String?, _ options: CompressionOptions? = .init()) throws -> Acceptance? {
        let request = try makeRequest(["Sec-WebSocket-Extensions": offers])
        guard case .accept(let acceptance) = ServerHandshake.evaluate(request, rules: .init(compression: options))
        else {
            return nil
        }
        #expect(acceptance.fields[.secWebSocketExtensions] == acceptance.extensions.first?.description)
        return acceptance
    }

    private static let all = CompressionOptions(sendWindowBits: 15, receiveWindowBits: 15)

    @Test(arguments: [
        ("", ""), ("server_no_context_takeover", "server_no_context_takeover"),
        ("client_no_context_takeover", "client_no_context_takeover"),
        ("client_max_window_bits", ""), ("client_max_window_bits=15", ""),
        ("client_max_window_bits=8", "client_max_window_bits=8"),
        ("client_max_window_bits=\"10\"", "client_max_window_bits=10"),
        ("server_max_window_bits=8", "server_max_window_bits=8"),
        ("server_max_window_bits=15", "server_max_window_bits=15"),
        (
            "client_max_window_bits; server_max_window_bits=9; client_no_context_takeover; server_no_context_takeover",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
        ),
    ])
    func `a server without wishes accepts what is offered (W17)`(offer: (String, String)) throws {
        func full(_ parameters: String) -> String { Self.name + (parameters.isEmpty ? "" : "; " + parameters) }
        let acceptance = try answer(to: full(offer.0), Self.all)
        #expect(acceptance?.fields[.secWebSocketExtensions] == full(offer.1))
    }

    @Test(arguments: [
        ("", "server_max_window_bits=12"),
        ("client_max_window_bits", "server_max_window_bits=12; client_max_window_bits=12"),
        ("client_max_window_bits=14", "server_max_window_bits=12; client_max_window_bits=12"),
        ("client_max_window_bits=9", "server_max_window_bits=12; client_max_window_bits=9"),
        ("server_max_window_bits=15", "server_max_window_bits=12"),
        ("server_max_window_bits=10", "server_max_window_bits=10"),
    ])
    func `a server's window is 12 unless told otherwise, and it asks for 12 where it may (W17)`(
        offer: (String, String)
    ) throws {
        let acceptance = try answer(to: Self.name + (offer.0.isEmpty ? "" : "; " + offer.0))
        #expect(acceptance?.fields[.secWebSocketExtensions] == Self.name + "; " + offer.1)
        // A client that does not mention its window keeps 15.
        if !offer.0.contains("client_max") { #expect(acceptance?.compression?.clientWindowBits == 15) }
    }

    @Test func `a server never answers with a window that there is not (W17)`() throws {
        let acceptance = try answer(
            to: Self.name + "; client_max_window_bits", CompressionOptions(sendWindowBits: 3, receiveWindowBits: -1))
        #expect(
            acceptance?.fields[.secWebSocketExtensions]
                == "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8")
    }

    @Test func `a server may forbid context takeover though nobody asked (W17)`() throws {
        let acceptance = try answer(
            to: Self.name,
            CompressionOptions(
                sendWindowBits: 15, receiveWindowBits: 15, sendContextTakeover: false, receiveContextTakeover: false))
        #expect(
            acceptance?.fields[.secWebSocketExtensions]
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        #expect(acceptance?.compression?.serverContextTakeover == false)
        #expect(acceptance?.compression?.clientContextTakeover == false)
    }

    static let badParameters = [
        "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=999",
        "server_max_window_bits=08", "server_max_window_bits=+9", "server_max_window_bits=0x9",
        "server_max_window_bits=99999999999999999999", "server_max_window_bits=\"7\"",
        "server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits=7", "client_max_window_bits=16",
        "client_max_window_bits=999", "client_max_window_bits=\"16\"",
        "client_max_window_bits; client_max_window_bits=10", "server_no_context_takeover=1",
        "client_no_context_takeover=true", "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover", "unknown", "unknown=1", "max_window_bits=10",
    ]

    @Test(arguments: badParameters)
    func `a server declines a bad offer, and takes the next good one (T13) (W17)`(bad: String) throws {
        let declined = try answer(to: "\(Self.name); \(bad)")
        #expect(declined != nil)
        #expect(declined?.compression == nil)
        #expect(declined?.fields[.secWebSocketExtensions] == nil)
        #expect(declined?.offers.count == 1)
        let next = try answer(
            to: "\(Self.name); \(bad), x-other; y=1, \(Self.name); server_max_window_bits=9, \(Self.name)")
        #expect(next?.fields[.secWebSocketExtensions] == "\(Self.name); server_max_window_bits=9")
    }

    @Test(arguments: [
        "server_max_window_bits=", "client_max_window_bits=\"\"", "client_max_window_bits=\"8", "=8", ";",
    ])
    func `a server refuses with 400 what is no list of extensions (T13)`(bad: String) throws {
        #expect(try answer(to: "\(Self.name); \(bad)") == nil)
    }

    @Test func `a server declines other extensions, and all when compression is off (W17)`() throws {
        #expect(try answer(to: "x-webkit-deflate-frame, permessage-bzip2")?.compression == nil)
        #expect(try answer(to: nil)?.compression == nil)
        #expect(try answer(to: "\(Self.name); client_max_window_bits", nil)?.compression == nil)
    }

    // MARK: The client

    private func handshake(_ options: CompressionOptions?) throws -> ClientHandshake {
        try ClientHandshake(
            target: "/", host: "localhost", compression: options, key: Array("the sample nonce".utf8))
    }

    /// What a client makes of an answer; throws when it refuses.
    private func verify(_ answer: String, _ options: CompressionOptions?) throws -> Negotiated {
        var fields: HTTPFields = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ]
        fields[.secWebSocketExtensions] = answer
        return try handshake(options).verify(ResponseHead(status: 101, fields: fields))
    }

    @Test func `a client offers what it wants, and what it can live with (W17)`() throws {
        func offer(_ options: CompressionOptions?) throws -> String? {
            try handshake(options).request.fields[.secWebSocketExtensions]
        }
        #expect(try offer(nil) == nil)
        #expect(try offer(Self.all) == "permessage-deflate; client_max_window_bits")
        #expect(
            try offer(.init())
                == "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, permessage-deflate; client_max_window_bits=12"
        )
        #expect(
            try offer(
                .init(
                    sendWindowBits: 15, receiveWindowBits: 8, sendContextTakeover: false, receiveContextTakeover: false)
            )
                == """
                permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; \
                client_max_window_bits, permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                client_max_window_bits
                """)
    }

    @Test(arguments: [
        ("", 15, 12, true, true), ("; server_max_window_bits=12", 12, 12, true, true),
        ("; server_max_window_bits=9; client_max_window_bits=10", 9, 10, true, true),
        ("; server_max_window_bits=15", 15, 12, true, true), ("; client_max_window_bits=12", 15, 12, true, true),
        // The window that a client says it will use is a hint that a server may ignore (RFC 7692 section 7.1.2.2).
        ("; client_max_window_bits=13", 15, 12, true, true), ("; client_max_window_bits=15", 15, 12, true, true),
        ("; server_no_context_takeover", 15, 12, false, true), ("; client_no_context_takeover", 15, 12, true, false),
        ("; server_max_window_bits=\"8\"", 8, 12, true, true),
    ])
    func `a client takes an answer to one of its offers (W17)`(
        answer: (text: String, server: Int, client: Int, serverTakes: Bool, clientTakes: Bool)
    ) throws {
        let agreement = try #require(try verify(Self.name + answer.text, .init()).compression)
        #expect(agreement.serverWindowBits == answer.server)
        #expect(agreement.clientWindowBits == answer.client)
        #expect(agreement.serverContextTakeover == answer.serverTakes)
        #expect(agreement.clientContextTakeover == answer.clientTakes)
    }

    @Test(
        arguments: badParameters.map { "permessage-deflate; " + $0 } + [
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate, permessage-deflate", "permessage-deflate, x-other", "x-other", "permessage-deflate;",
            "permessage-deflate; server_max_window_bits=", "permessage-deflate; server_max_window_bits=\"",
        ])
    func `a client fails the handshake for any other answer (T13) (W17)`(answer: String) throws {
        #expect(throws: HandshakeFailure.extensions(answer)) { try verify(answer, .init()) }
    }

    @Test(
        arguments: [
            ("client_max_window_bits", "client_max_window_bits must have a value in an answer"),
            ("client_max_window_bits=12; client_max_window_bits=12", "client_max_window_bits comes twice"),
            ("server_max_window_bits=7", "server_max_window_bits=7 is no parameter"),
            ("unknown", "unknown is no parameter"),
            ("server_no_context_takeover=1", "server_no_context_takeover=1 is no parameter"),
        ])
    func `a client says what is wrong with an answer (W17)`(parameters: String, flaw: String) throws {
        do {
            _ = try verify("\(Self.name); \(parameters)", .init())
            Issue.record("it was taken")
        } catch {
            #expect("\(error)".contains(flaw), "\(error)")
            #expect(!"\(error)".contains("was not offered"))
        }
    }

    @Test func `a client offers what it is told to, in that order (W17)`() throws {
        let list: [CompressionOffer] = [
            .init(serverNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: .bits(10)),
            .init(clientNoContextTakeover: true, clientMaxWindowBits: .any), .bare,
        ]
        #expect(
            try handshake(.init(offers: list)).request.fields[.secWebSocketExtensions] == """
                permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10, \
                permessage-deflate; client_no_context_takeover; client_max_window_bits, permessage-deflate
                """)
        #expect(try handshake(.init(offers: [.bare])).request.fields[.secWebSocketExtensions] == Self.name)
    }

    @Test func `a bare offer binds the server to nothing and lets it ask for nothing of the client's window (W17)`()
        throws
    {
        let options = CompressionOptions(sendWindowBits: 10, sendContextTakeover: false, offers: [.bare])
        let bare = try #require(try verify(Self.name, options).compression)
        #expect(bare.serverWindowBits == 15 && bare.serverContextTakeover)
        // What is sent follows the options still.
        #expect(bare.clientWindowBits == 10 && !bare.clientContextTakeover)
        // A server may promise more than it was asked for (RFC 7692 section 7.1.2.1), but not ask for what was not
        // granted.
        #expect(try verify(Self.name + "; server_max_window_bits=9", options).compression?.serverWindowBits == 9)
        #expect(try verify(Self.name + "; client_no_context_takeover", options).compression != nil)
        let forbidden = Self.name + "; client_max_window_bits=10"
        #expect(throws: HandshakeFailure.extensions(forbidden)) { try verify(forbidden, options) }
        #expect(try verify(forbidden, .init(offers: [.bare, .init(clientMaxWindowBits: .any)])).compression != nil)
    }

    @Test(
        arguments: [
            [], [CompressionOffer](repeating: .bare, count: 17), [.init(serverMaxWindowBits: 7)],
            [.bare, .init(clientMaxWindowBits: .bits(16))],
        ])
    func `offers that cannot be are refused before a byte is sent (W17)`(offers: [CompressionOffer]) throws {
        let options = CompressionOptions(offers: offers)
        let objection = try #require(options.objection)
        #expect(throws: HandshakeMisuse.compression(objection)) { try handshake(options) }
    }

    @Test func `a client that insists on no context takeover fails without it (W17)`() throws {
        #expect(throws: HandshakeFailure.self) { try verify(Self.name, .forgetful) }
        #expect(try verify(Self.name + "; server_no_context_takeover", .forgetful).compression != nil)
    }

    @Test func `a client that offers nothing fails for any extension (W17)`() throws {
        #expect(throws: HandshakeFailure.extensions(Self.name)) { try verify(Self.name, nil) }
        #expect(try verify("", .init()).compression == nil)
    }

    @Test(arguments: [
        CompressionOptions(sendWindowBits: 7), .init(sendWindowBits: 16), .init(receiveWindowBits: -1),
        .init(threshold: -1), .init(level: 10), .init(memoryLevel: 0),
    ])
    func `options that cannot be are refused before a byte is sent (W17)`(options: CompressionOptions) throws {
        let objection = try #require(options.objection)
        #expect(throws: HandshakeMisuse.compression(objection)) { try handshake(options) }
        #expect(CompressionOptions().objection == nil)
    }
}
