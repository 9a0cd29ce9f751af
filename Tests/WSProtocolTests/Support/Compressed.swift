import HTTPTypes
import HansomHTTP
import Testing
import WSProtocol

/// What both ends make of a handshake that they carry out with these options.
func negotiate(
    client: CompressionOptions, server: CompressionOptions
) throws -> (client: CompressionAgreement, server: CompressionAgreement) {
    let handshake = try ClientHandshake(
        target: "/", host: "localhost", compression: client, key: Array("the sample nonce".utf8))
    guard case .accept(let acceptance) = ServerHandshake.evaluate(handshake.request, rules: .init(compression: server))
    else { throw NotAgreed() }
    let negotiated = try handshake.verify(ResponseHead(status: 101, fields: acceptance.fields))
    #expect(negotiated.extensions == acceptance.extensions)
    return (try #require(negotiated.compression), try #require(acceptance.compression))
}

struct NotAgreed: Error {}

/// Two ends that agreed on compression.
struct CompressedPair: ~Copyable {
    var client: ProtocolMachine
    var server: ProtocolMachine

    init(
        client clientOptions: CompressionOptions = .eager, server serverOptions: CompressionOptions = .eager,
        _ limits: MessageLimits = .init()
    ) throws {
        let agreed = try negotiate(client: clientOptions, server: serverOptions)
        client = ProtocolMachine(
            role: .client(maskKeys: { testMaskKey }), limits: limits, compression: agreed.client)
        server = ProtocolMachine(role: .server, limits: limits, compression: agreed.server)
    }
}

extension CompressionOptions {
    /// Compresses whatever its length.
    static var eager: CompressionOptions { CompressionOptions(threshold: 0) }

    /// Both directions without context takeover.
    static var forgetful: CompressionOptions {
        CompressionOptions(sendContextTakeover: false, receiveContextTakeover: false, threshold: 0)
    }
}

extension WireFrame {
    /// The first frame of a compressed message.
    static func compressed(_ payload: [UInt8], isText: Bool = true, isFinal: Bool = true) -> WireFrame {
        WireFrame(isFinal: isFinal, reserved: 4, opcode: isText ? 1 : 2, payload: payload)
    }
}

/// Expects that a server with compression makes `expected` of the frames: whole, a byte at a time, and cut in two at
/// every point.
func expectCompressedServer(
    receiving frames: [WireFrame], options: CompressionOptions = .eager, limits: MessageLimits = .init(),
    yields expected: [ProtocolEvent], sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let bytes = frames.bytes()
    let agreed = try negotiate(client: options, server: options).server
    func check(_ pieces: [[UInt8]]) {
        var server = ProtocolMachine(role: .server, limits: limits, compression: agreed)
        let events = pieces.flatMap { server.receive($0) }
        #expect(events == expected, "in pieces of \(pieces.map(\.count))", sourceLocation: sourceLocation)
    }
    check([bytes])
    check(bytes.map { [$0] })
    for cut in bytes.indices { check([Array(bytes[..<cut]), Array(bytes[cut...])]) }
}

/// 1 GiB of zeros in 1,024 pieces, each compressed and flushed, which together are one deflate stream.
func zeroPieces() throws -> (first: [UInt8], other: [UInt8]) {
    var pair = try CompressedPair()
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    for _ in 0..<3 { try pair.server.sendFragment(binary: zeros, isFinal: false) }
    let frames = pair.server.sentFrames()
    #expect(frames[1].payload == frames[2].payload)
    return (frames[0].payload, frames[1].payload)
}
