internal import Actors
internal import Glibc

/// The terminal on standard input, giving each key at once instead of lines.
///
/// Signals by keys (^C, ^Z, ^\) and what output looks like stay as they were. However the command ends, short of
/// SIGKILL, the terminal is as before: `exit` and the thread that takes signals see to it.
enum RawMode {
    private static let state = State()

    /// Begins it, if standard input is a terminal that can.
    ///
    /// - Parameter redraw: called when the command goes on after it was stopped (^Z).
    /// - Returns: whether it could.
    static func enter(redraw: @escaping @Sendable () -> Void) -> Bool {
        state.lock.withLock {
            var before = termios()
            // Safety: here and below, the call fills or reads one value that lives as long as the call.
            guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else { return false }
            if !state.isRegistered {
                state.isRegistered = true
                atexit { RawMode.leave() }
            }
            state.before = before
            state.redraw = redraw
            return apply(raw(before))
        }
    }

    /// Gives the terminal back. Harmless when it was not taken.
    static func leave() {
        state.lock.withLock {
            if let before = state.before { _ = apply(before) }
            state.before = nil
            state.redraw = nil
        }
    }

    /// Gives the terminal back while `body` stops the command, and takes it again.
    static func pause(during body: () -> Void) {
        let before = state.lock.withLock { state.before }
        if let before { _ = apply(before) }
        body()
        let redraw = state.lock.withLock { () -> (@Sendable () -> Void)? in
            // Whoever goes on may find a terminal that was set up anew meanwhile.
            guard state.before != nil else { return nil }
            var now = termios()
            if unsafe tcgetattr(STDIN_FILENO, &now) == 0 { state.before = now }
            if let before = state.before { _ = apply(raw(before)) }
            return state.redraw
        }
        redraw?()
    }

    private static func raw(_ mode: termios) -> termios {
        var mode = mode
        mode.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN)
        // `read` waits for one byte at least, and for no more.
        // Safety: both places are less than NCCS, the size of the array.
        unsafe withUnsafeMutableBytes(of: &mode.c_cc) { characters in
            unsafe characters[Int(VMIN)] = 1
            unsafe characters[Int(VTIME)] = 0
        }
        return mode
    }

    /// At once, since waiting for output that a stopped terminal does not take could be for ever.
    private static func apply(_ mode: termios) -> Bool {
        var mode = mode
        return unsafe tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0
    }

    private final class State: @unchecked Sendable {
        // Safety: everything below is touched with `lock` held.
        let lock = Lock()
        /// The mode to go back to; `nil`: the terminal is not taken.
        var before: termios?
        var redraw: (@Sendable () -> Void)?
        var isRegistered = false
    }
}
