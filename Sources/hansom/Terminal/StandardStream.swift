internal import Actors
internal import Glibc

/// Standard output and standard error, unbuffered: a line is out when `write` returns.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes a line, all of it. Blocks while the reader does not take it: not for a scheduler.
    func write(line: String) throws(CommandFailure) { try write("\(line)\n") }

    /// Writes text, all of it, and nothing behind it.
    func write(_ text: String) throws(CommandFailure) { try write(Array(text.utf8)) }

    var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Writes bytes, all of them.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                waitUntilWritable()
            } else if errno != EINTR {
                throw CommandFailure("standard \(self): \(SystemError(call: "write", errno: errno))")
            }
        }
    }

    /// Whoever shares the terminal or pipe may have made it non-blocking.
    private func waitUntilWritable() {
        var wanted = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&wanted, 1, -1)
    }
}
