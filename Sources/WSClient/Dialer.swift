internal import Actors
internal import Glibc
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// One attempt to connect, from the name to the 101, within one deadline.
@safe final class Dialer: @unchecked Sendable {
    // Safety: after `init` only the scheduler's thread touches it; the task that dials prefers that scheduler.
    private let url: WebSocketURL
    private let handshake: ClientHandshake
    private let options: ConnectOptions
    private let scheduler: Scheduler
    private let pool: BlockingPool
    private var phase = WebSocketError.Phase.resolution
    private var driver: StreamDriver?
    private var failure: WebSocketError?
    private var waitingElsewhere: UnsafeContinuation<Void, Never>?

    /// The longest body of a refusal that is kept.
    static let longestBody = 64 << 10
    /// Interim answers before the one that counts.
    private static let mostInterimAnswers = 16

    init(_ url: WebSocketURL, _ handshake: ClientHandshake, _ options: ConnectOptions, on scheduler: Scheduler) {
        self.url = url
        self.handshake = handshake
        self.options = options
        self.scheduler = scheduler
        pool = scheduler.blockingPool
    }

    /// Ends the attempt, whatever it waits for. On the scheduler.
    func abort(_ error: WebSocketError) {
        guard failure == nil else { return }
        failure = error
        driver?.abort(error)
        let waiter = unsafe waitingElsewhere
        unsafe waitingElsewhere = nil
        unsafe waiter?.resume()
    }

    /// Carries it through. On the scheduler.
    func dial() async throws(WebSocketError) -> WebSocket {
        let deadline = options.connectTimeout.map { timeout in
            let alarm = Alarm { [unowned self] in timeIsOver(timeout) }
            scheduler.arm(alarm, after: timeout)
            return alarm
        }
        defer { deadline.map { scheduler.disarm($0) } }
        do {
            let socket = try await connectSocket(to: try await addresses())
            let tls = try await startTLS()
            return try await shakeHands(socket, tls)
        } catch {
            driver?.stream.close()
            throw named(error)
        }
    }

    /// A broken connection does not know where it led, nor how far it had come.
    private func named(_ error: WebSocketError) -> WebSocketError {
        guard error.code == .connectionLost, phase == .handshake else { return error }
        return WebSocketError(.connectionLost, "\(place), in the opening handshake: \(error.message)", phase: phase)
    }

    private func timeIsOver(_ timeout: Duration) {
        abort(
            WebSocketError(.timeout, "\(place) did not connect within \(timeout) (\(phase.rawValue))", phase: phase))
    }

    /// Host and port, for messages.
    private var place: String {
        if let path = url.unixPath { return path }
        return url.host.utf8.contains(UInt8(ascii: ":")) ? "[\(url.host)]:\(url.port)" : "\(url.host):\(url.port)"
    }

    // MARK: Name and socket

    private func addresses() async throws(WebSocketError) -> [SocketAddress] {
        if let path = url.unixPath { return [.unix(path: path)] }
        let port = UInt16(clamping: url.port)
        if let literal = SocketAddress(numeric: url.host, port: port) { return [literal] }
        let (host, pool) = (url.host, pool)
        let result = try await elsewhere { () async -> Result<[SocketAddress], Resolver.Failure> in
            do throws(Resolver.Failure) {
                return .success(try await Resolver.resolve(host, port: port, on: pool))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let found): return found
        case .failure(let error):
            throw WebSocketError(.resolution, "cannot resolve \(host) of \(place): \(error.reason)", phase: .resolution)
        }
    }

    /// Waits for work that is done elsewhere and cannot be interrupted: an abort does not wait for it.
    private func elsewhere<R: Sendable>(
        _ work: @escaping @Sendable () async -> R
    ) async throws(WebSocketError) -> R {
        let answer = Answer<R>()
        let scheduler = scheduler
        Task {
            let result = await work()
            scheduler.run { [self] in
                answer.result = result
                let waiter = unsafe waitingElsewhere
                unsafe waitingElsewhere = nil
                unsafe waiter?.resume()
            }
        }
        while true {
            if let failure { throw failure }
            if let result = answer.result { return result }
            await unsafe withUnsafeContinuation { continuation in
                // The answer may have come on the way here: this task prefers an executor, and changes jobs to suspend.
                guard answer.result == nil, failure == nil else { return unsafe continuation.resume() }
                unsafe waitingElsewhere = continuation
            }
        }
    }

    private final class Answer<R: Sendable>: @unchecked Sendable {
        // Safety: set and read on the scheduler's thread.
        var result: R?
    }

    /// The first address that lets itself be connected to.
    private func connectSocket(to addresses: [SocketAddress]) async throws(WebSocketError) -> SocketStream {
        phase = .connect
        var last: WebSocketError?
        for address in addresses {
            // Nothing watches before the first driver does.
            if let failure { throw failure }
            do {
                return try await connectSocket(to: address)
            } catch {
                if let failure { throw failure }
                last = error
            }
        }
        throw last ?? WebSocketError(.unreachable, "no address for \(place)", phase: .connect)
    }

    private func connectSocket(to address: SocketAddress) async throws(WebSocketError) -> SocketStream {
        do throws(SystemError) {
            let descriptor = try Socket.open(family: address.family)
            if !address.isUnix { Socket.setNoDelay(descriptor) }
            let stream = SocketStream(descriptor: descriptor, scheduler: scheduler)
            let isInProgress = try Socket.connect(descriptor, to: address) == .inProgress
            let driver = unsafe StreamDriver(
                stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .connect)
            self.driver = driver
            if isInProgress {
                do throws(WebSocketError) { try await driver.waitUntilWritable() } catch { return try fail(error) }
                try stream.checkConnected()
            }
            return stream
        } catch {
            driver?.stream.close()
            if let failure { throw failure }
            throw refusal(error, address)
        }
    }

    /// Only an abort ends the wait for a socket: `failure` has it.
    private func fail(_ error: WebSocketError) throws(SystemError) -> SocketStream {
        throw SystemError(call: "connect", errno: ECANCELED)
    }

    private func refusal(_ error: SystemError, _ address: SocketAddress) -> WebSocketError {
        let what = "cannot connect to \(place) (\(address)): \(SystemError.text(of: error.errno))"
        switch error.errno {
        case ECONNREFUSED, ENOENT: return WebSocketError(.refused, what, phase: .connect)
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EAFNOSUPPORT:
            return WebSocketError(.unreachable, what, phase: .connect)
        case ETIMEDOUT: return WebSocketError(.timeout, what, phase: .connect)
        case EACCES, EPERM: return WebSocketError(.accessDenied, what, phase: .connect)
        case ECONNRESET: return WebSocketError(.connectionLost, what, phase: .connect)
        default: return WebSocketError(.system, "\(what) [\(error.call)]", phase: .connect)
        }
    }

    // MARK: TLS

    private func startTLS() async throws(WebSocketError) -> TLSDetails? {
        guard url.isSecure, let driver else { return nil }
        phase = .tls
        let context = try await tlsContext()
        let scheduler = scheduler
        let stream = TLSStream(client: context, host: url.host, over: driver.stream) { scheduler.deferAction($0) }
        do {
            return try await driver.startTLS(stream)
        } catch {
            guard error.code == .tls else { throw error }
            throw WebSocketError(.tls, "TLS with \(place): \(error.message)", phase: .tls)
        }
    }

    /// Files are read elsewhere: a disk may be slow.
    private func tlsContext() async throws(WebSocketError) -> TLSContext {
        let (options, pool) = (options.tls, pool)
        let result = try await elsewhere {
            await pool.run {
                Result { () throws(TLSConfigurationError) in try TLSContexts.shared.context(for: options) }
            }
        }
        do {
            return try result.get()
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
    }

    // MARK: Handshake

    private func shakeHands(_ socket: SocketStream, _ tls: TLSDetails?) async throws(WebSocketError) -> WebSocket {
        guard let driver else { throw WebSocketError(.connectionLost, "no stream", phase: .handshake) }
        phase = .handshake
        try await driver.write(handshake.requestBytes)
        let (response, head, rest) = try await readHead(driver)
        let negotiated: Negotiated
        do {
            negotiated = try handshake.verify(response)
        } catch {
            guard case .status = error else {
                throw WebSocketError(.badHandshake, "\(place): \(error)", phase: .handshake)
            }
            throw try await refused(response, rest, driver)
        }
        let description = ConnectionDescription(
            peerAddress: socket.peerAddress, localAddress: socket.localAddress, subprotocol: negotiated.subprotocol,
            tls: tls, head: head)
        let resources = TransportResources.of(scheduler)
        let connection = WebSocket(
            stream: driver.release(), scheduler: scheduler, role: .client(maskKeys: resources.maskKeys),
            options: ConnectionOptions(
                limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
                active: options.active, timing: options.timing),
            description: description)
        connection.onOwnThread { $0.begin(leftover: rest) }
        return connection
    }

    /// Reads the head of the answer, and passes over interim ones (RFC 9110 section 15.2).
    private func readHead(_ driver: StreamDriver) async throws(WebSocketError) -> (ResponseHead, [UInt8], [UInt8]) {
        var rest: [UInt8] = []
        for _ in 0..<Dialer.mostInterimAnswers {
            let (response, head, after) = try await readHead(driver, after: rest)
            guard (100...199).contains(response.status), response.status != 101 else { return (response, head, after) }
            rest = after
        }
        throw WebSocketError(
            .badHandshake, "\(place) sent \(Dialer.mostInterimAnswers) interim answers (RFC 9110 section 15.2)",
            phase: .handshake)
    }

    private func readHead(
        _ driver: StreamDriver, after held: [UInt8]
    ) async throws(WebSocketError) -> (ResponseHead, [UInt8], [UInt8]) {
        // A refusal may come in HTTP/1.0; a 101 may not.
        var parser = ResponseHeadParser(acceptsHTTP10: true)
        var head: [UInt8] = []
        var held = held
        while true {
            let bytes = held.isEmpty ? try await driver.read() : held
            held = []
            if bytes.isEmpty {
                throw WebSocketError(
                    .badHandshake, "\(place) ended the connection before its answer", phase: .handshake)
            }
            do throws(HeadError) {
                let (consumed, response) = try parser.parse(bytes)
                head += bytes[..<consumed]
                guard let response else { continue }
                if response.status == 101, head.starts(with: "HTTP/1.0".utf8) {
                    throw HeadError(status: 505, message: "a 101 of HTTP/1.0 (RFC 6455 section 4.1)")
                }
                return (response, head, Array(bytes[consumed...]))
            } catch {
                throw WebSocketError(
                    .badHandshake, "\(place) does not answer in HTTP/1.1: \(error.message)", phase: .handshake)
            }
        }
    }

    /// Reads the body of a refusal, as far as it is kept, and makes the error of it.
    private func refused(
        _ response: ResponseHead, _ rest: [UInt8], _ driver: StreamDriver
    ) async throws(WebSocketError) -> WebSocketError {
        var body = RefusalBody(of: response, limit: Dialer.longestBody)
        body.append(rest)
        while !body.isComplete {
            guard let bytes = try? await driver.read(), !bytes.isEmpty else { break }
            body.append(bytes)
        }
        // At the deadline, what is known of the refusal says more than that the rest of its body did not come.
        if let failure, failure.code != .timeout { throw failure }
        let kept = WebSocketError.Response(status: response.status, headers: response.fields, body: body.bytes)
        return WebSocketError(
            .http, "\(place) answered \(response.status) \(response.reasonPhrase) instead of 101", phase: .handshake,
            response: kept)
    }
}
