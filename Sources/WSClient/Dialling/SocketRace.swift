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
