internal import Actors
internal import Glibc

/// Makes keys of the bytes that a terminal sends (ECMA-48; xterm's control sequences), wherever its pieces end.
///
/// It takes any bytes: what is not UTF-8 becomes U+FFFD, a sequence that never ends is dropped.
struct KeyDecoder {
    private enum State: Equatable {
        case ground
        /// A character has begun; so many bytes are missing.
        case utf8(bytes: [UInt8], missing: Int)
        case escape
        /// `ESC [`, and what came of its parameters.
        case control([UInt8])
        /// `ESC O`: what some keys send in application mode.
        case single
    }

    private static let longestSequence = 32
    private static let escape: UInt8 = 0x1B
    private static let replacement: Unicode.Scalar = "\u{FFFD}"

    private var state = State.ground

    /// The keys that the next bytes complete.
    mutating func keys(in bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { take(byte, &keys) }
        return keys
    }

    private mutating func take(_ byte: UInt8, _ keys: inout [Key]) {
        switch state {
        case .ground: begin(byte, &keys)
        case .utf8(let bytes, let missing): continueCharacter(bytes + [byte], missing - 1, &keys)
        case .escape: continueEscape(byte, &keys)
        case .control(let parameters): continueControl(parameters, byte, &keys)
        case .single:
            state = .ground
            keys.append(KeyDecoder.cursorKey(byte, isByWord: false))
        }
    }

    private mutating func begin(_ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case KeyDecoder.escape: state = .escape
        case 0x20...0x7E: keys.append(.character(Unicode.Scalar(byte)))
        case 0...0x1F, 0x7F: keys.append(KeyDecoder.controlKey(byte))
        case 0xC2...0xDF: state = .utf8(bytes: [byte], missing: 1)
        case 0xE0...0xEF: state = .utf8(bytes: [byte], missing: 2)
        case 0xF0...0xF4: state = .utf8(bytes: [byte], missing: 3)
        default: keys.append(.character(KeyDecoder.replacement))
        }
    }

    private mutating func continueCharacter(_ bytes: [UInt8], _ missing: Int, _ keys: inout [Key]) {
        guard let last = bytes.last, (0x80...0xBF).contains(last) else {
            // A character was cut short by the beginning of something else, which counts.
            state = .ground
            keys.append(.character(KeyDecoder.replacement))
            if let last = bytes.last { begin(last, &keys) }
            return
        }
        guard missing == 0 else { return state = .utf8(bytes: bytes, missing: missing) }
        state = .ground
        let scalar = String(validating: bytes, as: UTF8.self)?.unicodeScalars.first
        // C1 controls: nobody types them.
        guard let scalar, !(0x80...0x9F).contains(scalar.value) else {
            return keys.append(.character(KeyDecoder.replacement))
        }
        keys.append(.character(scalar))
    }

    private mutating func continueEscape(_ byte: UInt8, _ keys: inout [Key]) {
        state = .ground
        switch byte {
        case UInt8(ascii: "["): state = .control([])
        case UInt8(ascii: "O"): state = .single
        case KeyDecoder.escape: state = .escape
        // Alt with a letter, as Emacs and readline have it.
        case UInt8(ascii: "b"): keys.append(.wordLeft)
        case UInt8(ascii: "f"): keys.append(.wordRight)
        case 0x7F, 0x08: keys.append(.eraseWord)
        default: keys.append(.unknown)
        }
    }

    private mutating func continueControl(_ parameters: [UInt8], _ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case 0x20...0x3F:
            if parameters.count < KeyDecoder.longestSequence {
                state = .control(parameters + [byte])
            } else {
                state = .ground
                keys.append(.unknown)
            }
        case 0x40...0x7E:
            state = .ground
            keys.append(KeyDecoder.sequenceKey(parameters, byte))
        default:
            // No sequence has this inside: it was cut short.
            state = .ground
            keys.append(.unknown)
            begin(byte, &keys)
        }
    }

    // MARK: What they mean

    private static func controlKey(_ byte: UInt8) -> Key {
        switch byte {
        case 0x01: .home  // ^A
        case 0x02: .left  // ^B
        case 0x04: .endOfInput  // ^D
        case 0x05: .end  // ^E
        case 0x06: .right  // ^F
        case 0x08, 0x7F: .backspace  // ^H
        case 0x09: .character("\t")
        case 0x0A, 0x0D: .enter
        case 0x0B: .eraseToEnd  // ^K
        case 0x0C: .clearScreen  // ^L
        case 0x0E: .down  // ^N
        case 0x10: .up  // ^P
        case 0x15: .eraseToStart  // ^U
        case 0x17: .eraseWord  // ^W
        default: .unknown
        }
    }

    /// `ESC [ parameters final`. A modifier, the second parameter, makes a word of a character.
    private static func sequenceKey(_ parameters: [UInt8], _ final: UInt8) -> Key {
        let numbers = parameters.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .map { Int(String(decoding: $0, as: UTF8.self)) ?? 1 }
        guard final == UInt8(ascii: "~") else { return cursorKey(final, isByWord: numbers.count > 1 && numbers[1] > 1) }
        return switch numbers.first {
        case 1, 7: .home
        case 4, 8: .end
        case 3: .delete
        default: .unknown
        }
    }

    private static func cursorKey(_ final: UInt8, isByWord: Bool) -> Key {
        switch final {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): isByWord ? .wordRight : .right
        case UInt8(ascii: "D"): isByWord ? .wordLeft : .left
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "F"): .end
        case UInt8(ascii: "M"): .enter
        default: .unknown
        }
    }
}

/// What a person does at a keyboard, as far as a line editor cares.
enum Key: Equatable, Sendable {
    case character(Unicode.Scalar)
    case enter
    case left, right, wordLeft, wordRight, home, end
    case up, down
    case backspace, delete
    case eraseToEnd, eraseToStart, eraseWord
    case clearScreen
    /// ^D: the end of the input on an empty line, otherwise as `delete`.
    case endOfInput
    /// A key that means nothing here.
    case unknown
}

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
