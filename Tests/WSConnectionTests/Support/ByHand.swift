import Actors
import HansomTesting
import HansomTransport
import WSProtocol

@testable import WSConnection

/// A connection and the other end of its pipe, both on a scheduler that the test turns by hand: every moment is the
/// test's own, and thousands of them take no time.
final class ByHand {
    let driven: HandDriven
    let ws: WebSocket
    private let near: PipeStream
    private let far: PipeStream
    private var unread: [UInt8] = []

    /// - Parameters:
    ///   - capacity: the bytes that the pipe holds in each direction.
    ///   - handler: a synchronous handler, if the connection is to have one.
    ///   - viewHandler: or one that is shown messages.
    init(
        on driven: HandDriven = HandDriven(), isServer: Bool = true, _ options: ConnectionOptions = ConnectionOptions(),
        compression: CompressionAgreement? = nil, budget: InboundBudget? = nil, capacity: Int = 64 << 10,
        handler: WebSocket.MessageHandler? = nil, viewHandler: WebSocket.MessageViewHandler? = nil
    ) {
        self.driven = driven
        let scheduler = driven.scheduler
        (near, far) = PipeStream.pair(scheduler, scheduler, capacity: capacity)
        let near = near
        ws = driven.run {
            let role: ProtocolMachine.Role =
                isServer ? .server : .client(maskKeys: TransportResources.of(scheduler).maskKeys)
            let ws = WebSocket(
                stream: near, scheduler: scheduler, role: role, options: options, compression: compression,
                budget: budget, description: ConnectionDescription())
            ws.onOwnThread {
                if let handler { $0.setMessageHandler(handler) }
                if let viewHandler { $0.setMessageViewHandler(viewHandler) }
                $0.begin()
            }
            return ws
        }
    }

    /// Does something as the connection.
    @discardableResult
    func run<R>(_ body: @escaping (isolated WebSocket) -> R) -> R { driven.run { ws.onOwnThread(body) } }

    // MARK: The peer

    /// Sends what the pipe takes of it.
    ///
    /// - Returns: how many bytes that were.
    @discardableResult
    func send(_ bytes: [UInt8]...) -> Int {
        driven.run {
            guard case .bytes(let count) = far.write(Array(bytes.joined())[...]) else { return 0 }
            return count
        }
    }

    /// Takes at most `count` bytes of what the connection has written.
    @discardableResult
    func take(_ count: Int = .max) -> Int {
        driven.run {
            var left = count
            while left > 0 {
                var part = [UInt8](repeating: 0, count: min(left, 64 << 10))
                guard case .bytes(let got) = unsafe part.withUnsafeMutableBytes({ unsafe far.read(into: $0) }) else {
                    break
                }
                unread += part[..<got]
                left -= got
            }
            return count - left
        }
    }

    /// All that has come and was not asked for yet.
    func takeAll() -> [UInt8] {
        take()
        defer { unread = [] }
        return unread
    }

    /// The frames that have come whole, and were not asked for yet.
    func frames() -> [Wire.Frame] {
        take()
        var frames: [Wire.Frame] = []
        while let (frame, size) = Wire.Frame.first(in: unread) {
            frames.append(frame)
            unread.removeFirst(size)
        }
        return frames
    }

    /// Shuts the peer's side.
    func finish() { driven.run { far.closeWrite() } }

    /// Ends it, so that nothing is left.
    func end() {
        run { $0.drop() }
        driven.run { far.close() }
        driven.settle()
    }
}

extension Wire.Frame {
    /// The frame that `bytes` begin with, unmasked, and its length on the wire.
    static func first(in bytes: [UInt8]) -> (Wire.Frame, Int)? {
        guard bytes.count >= 2 else { return nil }
        var (count, start) = (Int(bytes[1] & 0x7F), 2)
        if count > 125 {
            start = count == 126 ? 4 : 10
            guard bytes.count >= start else { return nil }
            count = bytes[2..<start].reduce(0) { $0 << 8 | Int($1) }
        }
        let key = bytes[1] & 0x80 == 0 ? [] : Array(bytes.dropFirst(start).prefix(4))
        start += bytes[1] & 0x80 == 0 ? 0 : 4
        guard bytes.count >= start + count else { return nil }
        let payload = bytes[start..<(start + count)]
        return (
            Wire.Frame(
                opcode: bytes[0] & 0x0F,
                payload: key.isEmpty ? Array(payload) : payload.enumerated().map { $1 ^ key[$0 % 4] },
                isFinal: bytes[0] & 0x80 != 0), start + count
        )
    }
}
