internal import Actors
internal import Glibc

/// SIGTERM and SIGINT, taken by the main thread, which has nothing else to do.
///
/// A signal that nobody has asked for ends the command at once, as the system would have done.
enum Signals {
    private static let handled = [SIGTERM, SIGINT]
    private static let catcher = Catcher()

    /// Keeps signals from interrupting any thread. Call it while there is only one: the others inherit it.
    static func block() {
        var set = set
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        // A reader of our output that goes away is an error of `write`, like any other.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Catches the next signal, from now on; the stream gives its number. The one after it is not caught.
    static func catchNext() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        catcher.set(continuation)
        return stream
    }

    /// Hands signals to whoever has asked for them, for ever.
    static func serve() -> Never {
        var set = set
        while true {
            var number: Int32 = 0
            guard unsafe sigwait(&set, &number) == 0 else { continue }
            guard let asker = catcher.take() else { die(by: number) }
            asker.yield(number)
            asker.finish()
        }
    }

    private static func die(by number: Int32) -> Never {
        var set = set
        signal(number, SIG_DFL)
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        exit(128 + number)
    }

    private static var set: sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in handled { unsafe sigaddset(&set, number) }
        return set
    }

    private final class Catcher: @unchecked Sendable {
        // Safety: `asker` is touched with `lock` held.
        private let lock = Lock()
        private var asker: AsyncStream<Int32>.Continuation?

        func set(_ new: AsyncStream<Int32>.Continuation) { lock.withLock { asker = new } }

        func take() -> AsyncStream<Int32>.Continuation? {
            lock.withLock {
                defer { asker = nil }
                return asker
            }
        }
    }
}
