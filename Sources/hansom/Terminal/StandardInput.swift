internal import Actors
internal import Glibc

/// Standard input, line by line. Only one task reads it.
struct StandardInput {
    private var splitter: LineSplitter
    private var isOver = false

    /// - Parameter separator: what ends a line.
    init(separator: UInt8 = UInt8(ascii: "\n")) { splitter = LineSplitter(separator: separator) }

    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Waits for more lines of text, on a thread that may block; `nil` after the last.
    mutating func nextLines() async throws(CommandFailure) -> [String]? {
        guard let piece = try await nextPiece() else { return nil }
        if !isOver { return try splitter.lines(in: piece) }
        return try splitter.lastLine().map { [$0] }
    }

    /// Waits for more lines of any bytes, on a thread that may block; `nil` after the last.
    mutating func nextByteLines() async throws(CommandFailure) -> [[UInt8]]? {
        guard let piece = try await nextPiece() else { return nil }
        if !isOver { return try splitter.byteLines(in: piece) }
        return try splitter.lastByteLine().map { [$0] }
    }

    /// An empty one at the end, then `nil`.
    private mutating func nextPiece() async throws(CommandFailure) -> [UInt8]? {
        if isOver { return nil }
        let piece = try await blocking { () throws(CommandFailure) in try StandardInput.read() }
        isOver = piece.isEmpty
        return piece
    }

    /// Waits for what there is to read; empty at the end. Blocks: not for a scheduler.
    static func read() throws(CommandFailure) -> [UInt8] {
        while true {
            var result = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                result = unsafe Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
                count = max(result, 0)
            }
            if result >= 0 { return bytes }
            if errno == EAGAIN {
                waitUntilReadable()
            } else if errno != EINTR {
                throw CommandFailure("standard input: \(SystemError(call: "read", errno: errno))")
            }
        }
    }

    private static func waitUntilReadable() {
        var wanted = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        unsafe poll(&wanted, 1, -1)
    }
}
