internal import Actors
internal import Glibc

/// Ends the command when its time is over, whatever holds it up: a peer, a proxy, a reader that takes nothing of its output.
final class Watchdog: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held.
    private let limit: Duration
    private let lock = Lock()
    private var onTime: (@Sendable () -> Void)?
    private var isLate = false
    private var isSaid = false

    /// The exit code, as `timeout` of the coreutils has it.
    private static let exitCode: Int32 = 124
    /// How long whoever is told has to end by itself.
    private static let grace = Duration.milliseconds(250)

    private var failure: CommandFailure {
        CommandFailure("not over within \(limit)", exitCode: Watchdog.exitCode)
    }

    /// What the command then ends with: whoever takes it says it.
    func takeFailure() -> CommandFailure {
        lock.withLock { isSaid = true }
        return failure
    }

    /// Its time begins.
    init(after limit: Duration) {
        self.limit = limit
        Task.detached { [self] in
            try? await Task.sleep(for: limit)
            let tell = lock.withLock { () -> (@Sendable () -> Void)? in
                isLate = true
                return onTime
            }
            tell?()
            if tell != nil { try? await Task.sleep(for: Watchdog.grace) }
            leave()
        }
    }

    /// Calls this when the time is over, so that the command can end in good order; it has a quarter of a second.
    func tell(_ onTime: @escaping @Sendable () -> Void) {
        let isLate = lock.withLock {
            self.onTime = onTime
            return self.isLate
        }
        if isLate { onTime() }
    }

    private func leave() -> Never {
        RawMode.leave()
        var wanted = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // Safety: one structure, which lives as long as the call.
        if !lock.withLock({ isSaid }), unsafe poll(&wanted, 1, 0) == 1, wanted.revents & Int16(POLLOUT) != 0 {
            try? StandardStream.error.write(line: "hansom: \(failure.message)")
        }
        exit(Watchdog.exitCode)
    }
}
