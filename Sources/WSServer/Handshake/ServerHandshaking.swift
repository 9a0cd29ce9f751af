internal import Actors
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// The opening handshake of one accepted connection, from TLS to the 101, within one deadline.
final class ServerHandshaking: @unchecked Sendable {
    // Safety: used by the scheduler's thread only.
    private let scheduler: Scheduler
    private let settings: ServerSettings
    private let peer: SocketAddress?
    private let local: SocketAddress?
    private let driver: StreamDriver
    private var head: [UInt8] = []
    private var tls: TLSDetails?
    private var refusing: LingeringClose?
    private let deadline: Alarm

    /// What somebody else has read of the request already.
    private var received: [UInt8]

    init(
        _ stream: SocketStream, peer: SocketAddress?, received: [UInt8] = [], on scheduler: Scheduler,
        _ settings: ServerSettings
    ) {
        self.scheduler = scheduler
        self.received = received
        self.settings = settings
        self.peer = peer
        local = stream.localAddress
        let driver = unsafe StreamDriver(
            stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake)
        self.driver = driver
        deadline = Alarm { [settings] in
            driver.abort(
                WebSocketError(.timeout, "no handshake within \(settings.handshakeTimeout)", phase: .handshake))
        }
    }

    /// Drops it: the server shuts down.
    func abort() {
        driver.abort(WebSocketError(.closed, "the server is shutting down", phase: .handshake))
        refusing?.end()
    }

    /// Carries it through. The connection has begun when this returns one; otherwise the peer was refused or is gone.
    func run() async -> WebSocket? {
        scheduler.arm(deadline, after: settings.handshakeTimeout)
        defer { scheduler.disarm(deadline) }
        do {
            try await startTLS()
            guard let (request, rest) = try await readHead() else { return nil }
            switch ServerHandshake.evaluate(request, rules: settings.rules) {
            case .accept(let acceptance): return try await accept(acceptance, rest)
            case .refuse(let refusal): return await refuse(refusal)
            }
        } catch {
            driver.stream.close()
            return nil
        }
    }

    private func startTLS() async throws(WebSocketError) {
        guard let context = settings.tls else { return }
        let scheduler = scheduler
        let stream = TLSStream(server: context, over: driver.stream) { scheduler.deferAction($0) }
        tls = try await driver.startTLS(stream)
    }

    /// Reads the request; `nil` when the peer went away first, or was refused for its form.
    private func readHead() async throws(WebSocketError) -> (RequestHead, rest: [UInt8])? {
        var parser = RequestHeadParser()
        while true {
            let bytes = received.isEmpty ? try await driver.read() : received
            received = []
            if bytes.isEmpty {
                driver.stream.close()
                return nil
            }
            do {
                let (consumed, request) = try parser.parse(bytes)
                head += bytes[..<consumed]
                if let request { return (request, Array(bytes[consumed...])) }
            } catch {
                _ = await refuse(Refusal(error))
                return nil
            }
        }
    }

    private func accept(_ acceptance: Acceptance, _ rest: [UInt8]) async throws(WebSocketError) -> WebSocket {
        try await driver.write(acceptance.responseBytes)
        let description = ConnectionDescription(
            peerAddress: peer, localAddress: local, subprotocol: acceptance.subprotocol,
            extensions: acceptance.extensions.map(\.description), tls: tls, head: head)
        let connection = WebSocket(
            stream: driver.release(), scheduler: scheduler, role: .server, options: settings.connection,
            compression: acceptance.compression, description: description)
        connection.onOwnThread { [self] connection in
            switch settings.handler {
            case .perConnection(let handler): connection.start(handler)
            case .perMessage(let handler): connection.setMessageHandler(handler)
            }
            connection.begin(leftover: rest)
        }
        return connection
    }

    /// Answers, and lets the answer arrive: closing at once would reset a peer that is still sending.
    ///
    /// Until then it counts as a handshake, or peers that are refused and stay could take more descriptors than the
    /// limits allow.
    private func refuse(_ refusal: Refusal) async -> WebSocket? {
        scheduler.disarm(deadline)
        await withCheckedContinuation { continuation in
            refusing = LingeringClose.start(
                driver.release(), last: refusal.bytes, on: scheduler, for: settings.connection.closeTimeout,
                whenDone: { continuation.resume() })
        }
        refusing = nil
        return nil
    }
}
