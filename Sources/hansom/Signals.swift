internal import Actors
internal import Glibc

/// The signals that end or stop the command, taken by the main thread, which has nothing else to do.
///
/// SIGTERM and SIGINT can be asked for. Whatever nobody has asked for does at once what the system would have done, but
/// the terminal is given back first.
enum Signals {
    private static let askable = [SIGTERM, SIGINT]
    /// Unless whoever started the command has them ignored, as `nohup` does.
    private static let others = [SIGHUP, SIGQUIT, SIGTSTP]
    private static let catcher = Catcher()

    /// Keeps signals from interrupting any thread. Call it while there is only one: the others inherit it.
    static func block() {
        mask(handled, SIG_BLOCK)
        // A reader of our output that goes away is an error of `write`, like any other.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Catches the next signal, from now on; the stream gives its number. The one after it is not caught.
    static func catchNext() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        catcher.set(continuation)
        return stream
    }

    /// Catches all signals of these numbers, from now on.
    static func catchAll(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(1))
        catcher.set(continuation, for: numbers)
        return stream
    }

    /// Hands signals to whoever has asked for them, for ever.
    static func serve() -> Never {
        var set = set(of: handled)
        while true {
            var number: Int32 = 0
            guard unsafe sigwait(&set, &number) == 0 else { continue }
            if number == SIGTSTP {
                RawMode.pause { actAsUsual(on: number) }
            } else if !catcher.tell(number) {
                RawMode.leave()
                actAsUsual(on: number)
                exit(128 + number)
            }
        }
    }

    /// Returns if that neither ends the command nor stops it, or when it goes on.
    private static func actAsUsual(on number: Int32) {
        signal(number, SIG_DFL)
        raise(number)
        mask([number], SIG_UNBLOCK)
        mask([number], SIG_BLOCK)
    }

    private static let handled = askable + others.filter { !isIgnored($0) }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        // Safety: `SIG_IGN` is the handler's value 1; it is compared, not called.
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private static func mask(_ numbers: [Int32], _ how: Int32) {
        var set = set(of: numbers)
        // Safety: here and below, a set is one value that lives as long as the call.
        unsafe pthread_sigmask(how, &set, nil)
    }

    private static func set(of numbers: [Int32]) -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        return set
    }

    private final class Catcher: @unchecked Sendable {
        // Safety: both vars are touched with `lock` held.
        private let lock = Lock()
        private var next: AsyncStream<Int32>.Continuation?
        private var all: [Int32: AsyncStream<Int32>.Continuation] = [:]

        func set(_ asker: AsyncStream<Int32>.Continuation) { lock.withLock { next = asker } }

        func set(_ asker: AsyncStream<Int32>.Continuation, for numbers: [Int32]) {
            lock.withLock {
                for number in numbers { all[number] = asker }
            }
        }

        /// Whether somebody had asked for it.
        func tell(_ number: Int32) -> Bool {
            if let asker = lock.withLock({ all[number] }) {
                asker.yield(number)
            } else if askable.contains(number), let asker = takeNext() {
                asker.yield(number)
                asker.finish()
            } else {
                return false
            }
            return true
        }

        private func takeNext() -> AsyncStream<Int32>.Continuation? {
            lock.withLock {
                defer { next = nil }
                return next
            }
        }
    }
}
