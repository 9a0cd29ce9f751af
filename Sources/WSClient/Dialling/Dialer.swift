internal import Actors
internal import HansomHTTP
package import HansomTransport
internal import WSConnection
internal import WSProtocol

/// One attempt to connect, from the name to the 101, over as many redirects as are allowed, within one deadline.
///
/// It decides little: which address when is `AddressRace`'s, what a proxy is told `Tunnel`'s, where a redirect leads
/// `Hop`'s. Here they are carried out, each phase in an extension of its own.
@safe final class Dialer: @unchecked Sendable {
    // Safety: after `init` only the scheduler's thread touches it; the task that dials prefers that scheduler.
    let options: ConnectOptions
    let scheduler: Scheduler
    var hop: Hop
    var handshake: ClientHandshake
    let followsRedirects: Bool
    var hopsLeft: Int
    var deadlines: DialDeadlines
    private(set) var phase = WebSocketError.Phase.resolution
    /// Whom the present phase is about: the server, or the proxy.
    var counterpart: WebSocketError.Place
    /// What is gone through, if anything.
    var proxy: Proxy?
    var race: SocketRace?
    /// What the stream stands on, if that is a socket.
    var socket: SocketStream?
    /// What is not dialled: the first hop is made over it.
    private var given: (any LentStream)?
    private(set) var driver: StreamDriver?
    /// Why the attempt ends, once it has been told to.
    private(set) var failure: WebSocketError?
    private var elsewhereTask: Task<Void, Never>?
    private var waitingElsewhere: UnsafeContinuation<Void, Never>?

    /// What one request came to.
    enum Outcome {
        case connected(WebSocket)
        case redirected(Hop)
    }

    /// - Parameter given: what to connect over, without dialling: then no redirect is followed.
    /// - Throws: `.invalidConfiguration` for what must not be sent.
    init(
        _ hop: Hop, _ options: ConnectOptions, over given: (any LentStream)? = nil, on scheduler: Scheduler
    ) throws(WebSocketError) {
        handshake = try Dialer.handshake(for: hop, options)
        self.hop = hop
        self.options = options
        self.scheduler = scheduler
        self.given = given
        followsRedirects = given == nil && options.redirects.limit > 0
        hopsLeft = options.redirects.limit
        counterpart = hop.place
        deadlines = DialDeadlines(on: scheduler)
    }

    /// Ends the attempt, whatever it waits for. On the scheduler.
    func abort(_ error: WebSocketError) {
        guard failure == nil else { return }
        failure = error
        race?.abort()
        driver?.abort(error)
        elsewhereTask?.cancel()
        let waiter = unsafe waitingElsewhere
        unsafe waitingElsewhere = nil
        unsafe waiter?.resume()
    }

    /// Carries it through. On the scheduler.
    func dial() async throws(WebSocketError) -> WebSocket {
        deadlines.arm(.attempt, after: options.connectTimeout) { [unowned self] in
            abort(late("\(hop.place) did not connect within \($0) (\(phase.rawValue))"))
        }
        defer { deadlines.disarmAll() }
        while true {
            switch try await attempt() {
            case .connected(let connection): return connection
            case .redirected(let next):
                driver?.stream.close()
                (hop, driver) = (next, nil)
                handshake = try Dialer.handshake(for: next, options)
            }
        }
    }

    private func attempt() async throws(WebSocketError) -> Outcome {
        do {
            try check()
            let driver = if let given { drive(given) } else { try await reach() }
            let tls = hop.url.isSecure ? try await startTLS(driver) : nil
            return try await shakeHands(driver, tls)
        } catch {
            driver?.stream.close()
            throw named(error)
        }
    }

    /// Begins a phase, and its deadline.
    func enter(_ next: WebSocketError.Phase, with place: WebSocketError.Place, within timeout: Duration?) {
        phase = next
        driver?.phase = next
        counterpart = place
        deadlines.arm(.phase, after: timeout) { [unowned self] in
            abort(late("\(counterpart): \(next.rawValue) took longer than \($0)"))
        }
    }

    /// The first hop has become a connection: what it was given is its own now.
    func keepGiven() { given?.keep() }

    /// Begins to read and write a stream that leads somewhere.
    func drive(_ stream: any ByteStream) -> StreamDriver {
        let driver = unsafe StreamDriver(stream, buffer: TransportResources.of(scheduler).readBuffer, phase: phase)
        self.driver = driver
        socket = stream as? SocketStream
        return driver
    }

    func check() throws(WebSocketError) {
        if let failure { throw failure }
    }

    /// Waits for work that is done elsewhere and cannot be interrupted: an abort does not wait for it.
    func elsewhere<R: Sendable>(_ work: @escaping @Sendable () async -> R) async throws(WebSocketError) -> R {
        try check()
        let result = LateResult<R>()
        let scheduler = scheduler
        elsewhereTask = Task {
            let value = await work()
            scheduler.run { [self] in
                result.value = value
                let waiter = unsafe waitingElsewhere
                unsafe waitingElsewhere = nil
                unsafe waiter?.resume()
            }
        }
        while true {
            if let failure { throw failure }
            if let value = result.value { return value }
            await unsafe withUnsafeContinuation { continuation in
                // The result may have come on the way here: this task prefers an executor, and changes jobs to suspend.
                guard result.value == nil, failure == nil else { return unsafe continuation.resume() }
                unsafe waitingElsewhere = continuation
            }
        }
    }

    private final class LateResult<R: Sendable>: @unchecked Sendable {
        // Safety: set and read on the scheduler's thread.
        var value: R?
    }
}

// MARK: - What errors say

extension Dialer {
    /// An error of the present phase.
    func fault(
        _ code: WebSocketError.Code, _ message: String, _ response: WebSocketError.Response? = nil
    ) -> WebSocketError {
        WebSocketError(code, message, phase: phase, response: response, place: counterpart)
    }

    private func late(_ message: String) -> WebSocketError { fault(.timeout, message) }

    /// A broken stream does not know where it led, nor how far it had come.
    private func named(_ error: WebSocketError) -> WebSocketError {
        if error.code == .tls, error.host == nil {
            // Said after the TLS handshake: a server of TLS 1.3 judges the client's certificate when the client thinks
            // that all is done.
            return WebSocketError(.tls, "\(counterpart): \(error.message)", phase: .tls, place: counterpart)
        }
        guard error.code == .connectionLost, error.host == nil else { return error }
        switch phase {
        case .proxy:
            let who = proxy.map { "\($0)" } ?? "\(counterpart)"
            return fault(.proxy, "proxy \(who), on the way to \(hop.place): \(error.message)")
        case .handshake: return fault(.connectionLost, "\(counterpart), in the opening handshake: \(error.message)")
        default: return fault(.connectionLost, "\(counterpart): \(error.message)")
        }
    }
}

/// The alarms of one attempt to connect, one of a kind. Confined to the scheduler.
struct DialDeadlines {
    enum Kind: Hashable {
        case attempt, phase, responseHead, readIdle, writeIdle
    }

    private let scheduler: Scheduler
    private var alarms: [Kind: Alarm] = [:]

    init(on scheduler: Scheduler) { self.scheduler = scheduler }

    /// Has `ring` called after `timeout`, if there is one, unless it is armed anew or disarmed before.
    mutating func arm(_ kind: Kind, after timeout: Duration?, _ ring: @escaping (Duration) -> Void) {
        disarm(kind)
        guard let timeout else { return }
        let alarm = Alarm { ring(timeout) }
        alarms[kind] = alarm
        scheduler.arm(alarm, after: timeout)
    }

    mutating func disarm(_ kind: Kind) {
        if let alarm = alarms.removeValue(forKey: kind) { scheduler.disarm(alarm) }
    }

    mutating func disarmAll() {
        for alarm in alarms.values { scheduler.disarm(alarm) }
        alarms = [:]
    }
}

/// What went over the wire in an opening handshake, for whoever wants to show it.
package enum HandshakeStep: Sendable {
    /// The request, as it is about to be sent: to whom, and over which TLS.
    case request([UInt8], to: SocketAddress?, TLSDetails?)
    /// The head of the answer, as it came.
    case answer([UInt8])
}
