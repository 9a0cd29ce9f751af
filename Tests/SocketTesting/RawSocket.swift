package import Actors
package import HansomTransport
internal import WSConnection

/// One end of a real connection that says any bytes at all: the scripted peer over TCP or a Unix-domain socket. One
/// task may send while another receives.
package actor RawSocket {
    /// How a connection ended for its reader.
    package enum End: Sendable, Equatable { case endOfStream, reset }

    private nonisolated let scheduler: Scheduler
    private let socket: SocketStream
    private var stream: any ByteStream
    private let waiters = Waiters()
    private var held: [UInt8] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Takes over a connected descriptor.
    package init(descriptor: Int32, on scheduler: Scheduler) {
        self.scheduler = scheduler
        socket = SocketStream(descriptor: descriptor, scheduler: scheduler)
        stream = socket
        stream.observer = waiters
    }

    isolated deinit { stream.close() }

    /// Connects.
    package static func connect(
        to address: SocketAddress, on schedulers: SchedulerGroup = .shared
    ) async throws -> RawSocket {
        let descriptor = try Socket.open(family: address.family)
        let isPending: Bool
        do {
            isPending = try Socket.connect(descriptor, to: address) == .inProgress
        } catch {
            Socket.close(descriptor)
            throw error
        }
        let socket = RawSocket(descriptor: descriptor, on: schedulers.next())
        if isPending { try await socket.waitUntilConnected() }
        return socket
    }

    private func waitUntilConnected() async throws {
        await waitUntilWritable()
        try socket.checkConnected()
    }

    /// Speaks TLS from now on, as its server.
    package func secure(_ options: TLSServerOptions) async throws {
        let scheduler = scheduler
        let tls = TLSStream(server: try TLSContext(server: options), over: socket) { scheduler.runHereLater($0) }
        let result = await withCheckedContinuation { continuation in
            tls.handshake { continuation.resume(returning: $0) }
        }
        stream = tls
        stream.observer = waiters
        _ = try result.get()
    }

    package nonisolated func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) async throws { try await write(bytes) }

    /// Sends in two writes, the second in a segment of its own as far as the kernel heeds `TCP_NODELAY`.
    package func send(_ bytes: [UInt8], splitAt index: Int) async throws {
        try await write(Array(bytes[..<index]))
        try await write(Array(bytes[index...]))
    }

    /// Receives exactly `count` bytes, or fewer if the connection ends before.
    package func receive(_ count: Int) async throws -> [UInt8] {
        while held.count < count, try await receiveMore() {}
        defer { held.removeFirst(min(count, held.count)) }
        return Array(held.prefix(count))
    }

    /// Receives what there is, waiting for something; empty when the connection has ended.
    package func receiveSome() async throws -> [UInt8] {
        if held.isEmpty { _ = try await receiveMore() }
        defer { held = [] }
        return held
    }

    /// Receives an HTTP head, its empty line included.
    package func receiveHead() async throws -> String {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = held.firstRange(of: end) {
                defer { held.removeSubrange(..<range.upperBound) }
                return String(decoding: held[..<range.upperBound], as: UTF8.self)
            }
            guard try await receiveMore() else { return String(decoding: held, as: UTF8.self) }
        }
    }

    /// Receives one HTTP answer with its content, as long as `Content-Length` says; nothing when the connection ends
    /// first.
    package func receiveAnswer(toHead isToHead: Bool = false) async throws -> (head: String, body: String) {
        let head = try await receiveHead()
        let length = isToHead ? 0 : Int(Handshakes.field("Content-Length", of: head) ?? "0") ?? 0
        return (head, String(decoding: try await receive(length), as: UTF8.self))
    }

    /// Receives everything until the connection ends.
    package func receiveAll() async throws -> [UInt8] {
        while try await receiveMore() {}
        defer { held = [] }
        return held
    }

    /// Throws away what comes, and says how the connection ended.
    package func end() async -> End {
        do {
            _ = try await receiveAll()
            return .endOfStream
        } catch {
            return .reset
        }
    }

    /// Receives one frame by the book, unmasked; `nil` when the connection ends before it is complete.
    package func receiveFrame() async throws -> (opcode: UInt8, payload: [UInt8])? {
        func isHeld(_ count: Int) async throws -> Bool {
            while held.count < count { guard try await receiveMore() else { return false } }
            return true
        }
        guard try await isHeld(2) else { return nil }
        let (isMasked, short) = (held[1] & 0x80 != 0, Int(held[1] & 0x7F))
        let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
        let start = 2 + lengthBytes + (isMasked ? 4 : 0)
        guard try await isHeld(start) else { return nil }
        let length = lengthBytes == 0 ? short : held[2..<2 + lengthBytes].reduce(0) { $0 << 8 | Int($1) }
        guard try await isHeld(start + length) else { return nil }
        let mask = isMasked ? Array(held[start - 4..<start]) : [0, 0, 0, 0]
        let payload = held[start..<start + length].enumerated().map { $1 ^ mask[$0 % 4] }
        defer { held.removeFirst(start + length) }
        return (held[0] & 0x0F, payload)
    }

    /// A close frame's code and reason.
    package struct Close: Sendable, Equatable {
        package var code: Int
        package var reason: String

        package init(_ code: Int, _ reason: String = "") {
            self.code = code
            self.reason = reason
        }
    }

    /// Waits for a close frame and returns what it says; `nil` if the connection ends without one.
    package func receiveClose() async throws -> Close? {
        while let (opcode, payload) = try await receiveFrame() {
            guard opcode == 8 else { continue }
            guard payload.count >= 2 else { return Close(1005) }
            return Close(Int(payload[0]) << 8 | Int(payload[1]), String(decoding: payload[2...], as: UTF8.self))
        }
        return nil
    }

    /// Ends as a polite server does: waits for the client's close, answers it, and ends the connection.
    @discardableResult
    package func answerClose() async throws -> Close? {
        guard let close = try await receiveClose() else { return nil }
        try await send(Frames.close(UInt16(close.code == 1005 ? 1000 : close.code)))
        finish()
        _ = await end()
        return close
    }

    private func receiveMore() async throws -> Bool {
        while true {
            let buffer = unsafe TransportResources.of(scheduler).readBuffer
            switch unsafe stream.read(into: buffer) {
            case .bytes(let count):
                unsafe held += buffer[..<count]
                return true
            case .wouldBlock: await waitUntilReadable()
            case .endOfStream: return false
            case .failed(let error): throw error
            }
        }
    }

    private func write(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch stream.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: await waitUntilWritable()
            case .endOfStream: throw StreamError.truncated
            case .failed(let error): throw error
            }
        }
    }

    private func waitUntilReadable() async {
        stream.setWantsRead(true)
        await unsafe withUnsafeContinuation { unsafe waiters.reader = $0 }
        stream.setWantsRead(false)
    }

    private func waitUntilWritable() async {
        stream.setWantsWrite(true)
        await unsafe withUnsafeContinuation { unsafe waiters.writer = $0 }
        stream.setWantsWrite(false)
    }

    /// Says that no more will be sent.
    package func finish() { stream.closeWrite() }

    /// Goes away as a process that is killed does.
    package func close() {
        stream.close()
        waiters.wakeAll()
    }

    /// Goes away with a reset.
    package func reset() {
        socket.reset()
        waiters.wakeAll()
    }

    /// The own end's address.
    package var localAddress: SocketAddress? { socket.localAddress }
}

/// Who waits until the socket can be read, and who until it can be written. On the socket's scheduler.
@safe private final class Waiters: StreamObserver, @unchecked Sendable {
    // Safety (@unchecked Sendable): the socket's actor and its stream use it, both on one scheduler.
    var reader: UnsafeContinuation<Void, Never>?
    var writer: UnsafeContinuation<Void, Never>?

    func streamIsReadable() {
        unsafe reader?.resume()
        unsafe reader = nil
    }

    func streamIsWritable() {
        unsafe writer?.resume()
        unsafe writer = nil
    }

    func wakeAll() {
        streamIsReadable()
        streamIsWritable()
    }
}
