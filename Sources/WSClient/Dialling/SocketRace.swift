internal import Actors
internal import HansomTransport

/// Runs an `AddressRace` with sockets, and the scheduler's clock for its delay.
@safe final class SocketRace: @unchecked Sendable {
    // Safety: only the scheduler's thread touches it; the task that waits for it prefers that scheduler.
    private let scheduler: Scheduler
    private let socketOptions: SocketOptions
    private let delay: Duration
    private var race: AddressRace
    private var attempts: [Int: Attempt] = [:]
    private var alarm: Alarm?
    private var winner: (stream: SocketStream, address: SocketAddress)?
    private var isOver = false
    private var waiter: UnsafeContinuation<Void, Never>?

    /// One socket that is being connected.
    private final class Attempt: StreamObserver {
        let stream: SocketStream
        private let isSettled: () -> Void

        init(_ stream: SocketStream, isSettled: @escaping () -> Void) {
            self.stream = stream
            self.isSettled = isSettled
        }

        func streamIsReadable() {}
        func streamIsWritable() { isSettled() }
    }

    /// - Parameters:
    ///   - addresses: one at least.
    ///   - delay: how long an attempt may take before the next one begins beside it.
    init(_ addresses: [SocketAddress], _ options: SocketOptions, delay: Duration, on scheduler: Scheduler) {
        race = AddressRace(addresses)
        socketOptions = options
        self.delay = delay
        self.scheduler = scheduler
    }

    /// What became of the addresses that led nowhere.
    var failures: [AddressRace.Failure] { race.failures }

    /// The first socket that is connected, and to whom; `nil` when none could be, or after `abort`.
    func run() async -> (stream: SocketStream, address: SocketAddress)? {
        follow(race.next())
        while !isOver {
            await unsafe withUnsafeContinuation { continuation in
                // It may have ended on the way here: the task prefers an executor, and changes jobs to suspend.
                if isOver { return unsafe continuation.resume() }
                unsafe waiter = continuation
            }
        }
        return winner
    }

    /// Gives up, and closes what is open.
    func abort() {
        winner?.stream.close()
        winner = nil
        finish()
    }

    private func follow(_ step: AddressRace.Step) {
        var step = step
        while case .start(let index, let isDelayed) = step {
            wait(isDelayed)
            step = start(index)
        }
        switch step {
        case .won, .lost: finish()
        case .start, .wait: break
        }
    }

    /// Arms the delay after which the next attempt begins, or disarms it.
    private func wait(_ isDelayed: Bool) {
        guard isDelayed else {
            if let alarm { scheduler.disarm(alarm) }
            return
        }
        let alarm = alarm ?? Alarm { [unowned self] in follow(race.next()) }
        self.alarm = alarm
        scheduler.arm(alarm, after: delay)
    }

    private func start(_ index: Int) -> AddressRace.Step {
        let address = race.addresses[index]
        do throws(SystemError) {
            let stream = SocketStream(descriptor: try Socket.open(family: address.family), scheduler: scheduler)
            let isInProgress = try stream.connect(to: address, options: socketOptions) == .inProgress
            guard isInProgress else { return win(index, stream) }
            let attempt = Attempt(stream) { [unowned self] in settle(index) }
            attempts[index] = attempt
            stream.observer = attempt
            stream.setWantsWrite(true)
            return .wait
        } catch {
            return race.failed(index, error)
        }
    }

    private func settle(_ index: Int) {
        guard let attempt = attempts.removeValue(forKey: index) else { return }
        do throws(SystemError) {
            try attempt.stream.checkConnected()
            attempt.stream.setWantsWrite(false)
            attempt.stream.observer = nil
            follow(win(index, attempt.stream))
        } catch {
            attempt.stream.close()
            follow(race.failed(index, error))
        }
    }

    private func win(_ index: Int, _ stream: SocketStream) -> AddressRace.Step {
        winner = (stream, race.addresses[index])
        return race.connected(index)
    }

    private func finish() {
        isOver = true
        if let alarm { scheduler.disarm(alarm) }
        for attempt in attempts.values { attempt.stream.close() }
        attempts = [:]
        let waiter = unsafe waiter
        unsafe self.waiter = nil
        unsafe waiter?.resume()
    }
}

/// Happy Eyeballs (RFC 8305): which address is tried when, without a clock or a socket.
///
/// Attempts begin one after the other, each a little after the one before or at once when one has failed, and go on
/// side by side; the first that connects wins. So an address that does not answer costs a delay and not a deadline.
struct AddressRace {
    /// What is to be done next.
    enum Step: Equatable {
        /// Begin the attempt with this number; and if there is another address, wait the delay for it.
        case start(Int, delayed: Bool)
        /// This one is connected: end the others.
        case won(Int)
        /// None is left.
        case lost
        /// Nothing until something happens.
        case wait
    }

    /// What became of an address.
    struct Failure: Equatable {
        let address: SocketAddress
        let error: SystemError
    }

    /// In the order of the attempts.
    let addresses: [SocketAddress]
    private(set) var failures: [Failure] = []
    private var started = 0
    private var isOver = false

    /// More than any honest name has.
    static let mostAddresses = 32

    /// - Parameter addresses: in the order of the system's preference (RFC 6724). The families take turns, beginning
    ///   with that of the first (RFC 8305 section 4), so that one that leads nowhere does not hold up the other.
    init(_ addresses: [SocketAddress]) {
        let first = addresses.filter { $0.family == addresses[0].family }
        let second = addresses.filter { $0.family != addresses[0].family }
        var mixed: [SocketAddress] = []
        for index in 0..<max(first.count, second.count) {
            mixed += first.dropFirst(index).prefix(1) + second.dropFirst(index).prefix(1)
        }
        self.addresses = Array(mixed.prefix(AddressRace.mostAddresses))
    }

    /// At the beginning, and when the delay after the last attempt is over.
    mutating func next() -> Step {
        guard !isOver, started < addresses.count else { return started == failures.count ? .lost : .wait }
        defer { started += 1 }
        return .start(started, delayed: started + 1 < addresses.count)
    }

    /// An attempt came to nothing: the next begins at once (RFC 8305 section 5).
    mutating func failed(_ index: Int, _ error: SystemError) -> Step {
        failures.append(Failure(address: addresses[index], error: error))
        if started < addresses.count { return next() }
        return failures.count == started ? .lost : .wait
    }

    mutating func connected(_ index: Int) -> Step {
        isOver = true
        return .won(index)
    }
}
