internal import Actors
internal import Glibc

/// Standard input, line by line. Only one task reads it.
struct StandardInput {
    private var splitter = LineSplitter()
    private var isOver = false

    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Waits for more, on a thread that may block; `nil` after the last.
    mutating func nextLines() async throws(CommandFailure) -> [String]? {
        if isOver { return nil }
        let piece = try await blocking { () throws(CommandFailure) in try StandardInput.read() }
        guard piece.isEmpty else { return try splitter.lines(in: piece) }
        isOver = true
        return try splitter.lastLine().map { [$0] }
    }

    /// What there is to read; empty at the end.
    private static func read() throws(CommandFailure) -> [UInt8] {
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
