import Foundation
import Glibc
import HansomHTTP
import WSProtocol

/// A server that takes one connection and says to it whatever a test wants.
final class RawServer: Sendable {
    private let listener: Int32
    let port: UInt16

    var url: String { "ws://127.0.0.1:\(port)/" }

    init() {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            let generic = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            _ = unsafe bind(listener, generic, length)
            _ = listen(listener, 8)
            _ = unsafe getsockname(listener, generic, &length)
        }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { Glibc.close(listener) }

    /// Accepts the next connection and its handshake, sends `bytes`, and closes.
    func serveOnce(then bytes: [UInt8]) {
        Thread.detachNewThread { [self] in
            let connection = accept(listener, nil, nil)
            defer { Glibc.close(connection) }
            guard let answer = RawServer.answer(on: connection) else { return }
            _ = unsafe (answer + bytes).withUnsafeBytes { unsafe Glibc.write(connection, $0.baseAddress, $0.count) }
            // Closing with something unread would be a reset, which may overtake what was sent.
            shutdown(connection, Int32(SHUT_WR))
            var byte: UInt8 = 0
            while unsafe read(connection, &byte, 1) == 1 {}
        }
    }

    /// Accepts the next connection and its handshake, calls `body` with it on a thread of its own, and closes.
    func serveNext(_ body: @escaping @Sendable (Int32) -> Void) {
        Thread.detachNewThread { [self] in
            let connection = accept(listener, nil, nil)
            defer { Glibc.close(connection) }
            guard let answer = RawServer.answer(on: connection) else { return }
            RawServer.write(answer, to: connection)
            body(connection)
        }
    }

    @discardableResult
    static func write(_ bytes: [UInt8], to connection: Int32) -> Bool {
        // MSG_NOSIGNAL: a peer that is gone is the end of the conversation, not of the tests.
        unsafe bytes.withUnsafeBytes { unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            == bytes.count
    }

    /// Waits for the end of what the peer says.
    static func readToEnd(_ connection: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while unsafe read(connection, &buffer, buffer.count) > 0 {}
    }

    /// The next short frame of a client: its first byte and its payload; `nil` at the end.
    static func frame(from connection: Int32) -> (head: UInt8, payload: [UInt8])? {
        guard let start = take(2, from: connection), let mask = take(4, from: connection),
            let payload = take(Int(start[1] & 0x7F), from: connection)
        else { return nil }
        return (start[0], payload.enumerated().map { $1 ^ mask[$0 % 4] })
    }

    private static func take(_ count: Int, from connection: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < count {
            guard unsafe Glibc.read(connection, &byte, 1) == 1 else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// Reads a request, and returns the answer that agrees to it.
    private static func answer(on connection: Int32) -> [UInt8]? {
        var parser = RequestHeadParser()
        let rules = ServerHandshake.Rules(isTLS: false, origin: .sameOrigin, subprotocols: .none)
        while true {
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = unsafe max(0, read(connection, buffer.baseAddress, buffer.count))
            }
            guard !bytes.isEmpty, let (_, head) = try? parser.parse(bytes) else { return nil }
            guard let head else { continue }
            guard case .accept(let acceptance) = ServerHandshake.evaluate(head, rules: rules) else { return nil }
            return acceptance.responseBytes
        }
    }
}
