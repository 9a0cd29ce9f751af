package import Actors
package import HansomTransport
internal import WSConnection

/// One end of a real connection that says any bytes at all: the scripted peer over TCP or a Unix-domain socket.
package actor RawSocket {
    /// How a connection ended for its reader.
    package enum End: Sendable, Equatable { case endOfStream, reset }

    private nonisolated let scheduler: Scheduler
    private let stream: SocketStream
    private let driver: StreamDriver
    private var held: [UInt8] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Takes over a connected descriptor. On `scheduler`.
    package init(descriptor: Int32, on scheduler: Scheduler) {
        self.scheduler = scheduler
        stream = SocketStream(descriptor: descriptor, scheduler: scheduler)
        driver = unsafe StreamDriver(
            stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake)
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
        let socket = await schedulers.next().ask { RawSocket(descriptor: descriptor, on: $0) }
        if isPending { try await socket.waitUntilConnected() }
        return socket
    }

    private func waitUntilConnected() async throws {
        try await driver.waitUntilWritable()
        try stream.checkConnected()
    }

    package nonisolated func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) async throws { try await driver.write(bytes) }

    /// Sends in two writes, the second in a segment of its own as far as the kernel heeds `TCP_NODELAY`.
    package func send(_ bytes: [UInt8], splitAt index: Int) async throws {
        try await driver.write(Array(bytes[..<index]))
        try await driver.write(Array(bytes[index...]))
    }

    /// Receives exactly `count` bytes, or fewer if the connection ends before.
    package func receive(_ count: Int) async throws -> [UInt8] {
        while held.count < count, try await receiveMore() {}
        defer { held.removeFirst(min(count, held.count)) }
        return Array(held.prefix(count))
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

    private func receiveMore() async throws -> Bool {
        let bytes = try await driver.read()
        held += bytes
        return !bytes.isEmpty
    }

    /// Says that no more will be sent.
    package func finish() { stream.closeWrite() }

    /// Goes away as a process that is killed does.
    package func close() { stream.close() }

    /// Goes away with a reset.
    package func reset() { stream.reset() }

    /// The own end's address.
    package var localAddress: SocketAddress? { stream.localAddress }
}
