internal import Actors
internal import Glibc
internal import WSServer

/// The file of an access log. Whoever is served waits for no disk: lines are handed to a thread that writes them, and
/// when too many wait, more are dropped and counted.
final class AccessLogFile: @unchecked Sendable {
    // Safety: `descriptor` and `hasFailed` are touched with `writing` held, the other vars with `lock` held.

    enum Format: String, Sendable, CaseIterable { case combined, json }

    struct Settings: Sendable, Equatable {
        /// `-` for standard output.
        let path: String
        let format: Format
    }

    let settings: Settings
    private let schedulers: SchedulerGroup
    /// Held while lines are written, by threads that may block.
    private let writing = Lock()
    private var descriptor: Int32
    private var hasFailed = false
    private let lock = Lock()
    private var waiting: [String] = []
    private var waitingBytes = 0
    private var dropped = 0
    private var isWriting = false
    private var isOld = false

    /// Bytes of lines that may wait: a peer has a say in how long a line is.
    private static let capacity = 16 << 20

    /// Opens the file, or makes one.
    init(_ settings: Settings, on schedulers: SchedulerGroup) throws(CommandFailure) {
        self.settings = settings
        self.schedulers = schedulers
        descriptor = try AccessLogFile.open(settings.path)
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// Lines for standard error instead.
    init(standardErrorOn schedulers: SchedulerGroup) {
        settings = Settings(path: "standard error", format: .combined)
        self.schedulers = schedulers
        descriptor = STDERR_FILENO
    }

    /// What a server is to be told.
    var log: AccessLog {
        switch settings.format {
        case .combined: .combined { [self] in add($0) }
        case .json: .json { [self] in add($0) }
        }
    }

    /// Opens the file again before the next line: after it was moved away.
    func reopen() { lock.withLock { isOld = true } }

    /// Returns when all lines so far are written.
    func flush() async { await schedulers.blockingPool.run { [self] in writeAll() } }

    /// Has a line written, in its turn.
    func add(_ line: String) {
        let isFirst = lock.withLock {
            guard waitingBytes + line.utf8.count < AccessLogFile.capacity else {
                dropped += 1
                return false
            }
            waiting.append(line)
            waitingBytes += line.utf8.count + 1
            defer { isWriting = true }
            return !isWriting
        }
        if isFirst { schedulers.blockingPool.submit { [self] in writeAll() } }
    }

    // MARK: Writing

    private struct Batch {
        let text: String
        let isOld: Bool
    }

    private func writeAll() {
        writing.withLock {
            while let batch = takeBatch() {
                if batch.isOld { openAgain() }
                write(Array(batch.text.utf8))
            }
        }
    }

    private func takeBatch() -> Batch? {
        lock.withLock {
            guard !waiting.isEmpty || dropped > 0 else {
                isWriting = false
                return nil
            }
            var text = waiting.reduce(into: "") { $0 += "\($1)\n" }
            if dropped > 0 { text += "\(dropped) lines were dropped\n" }
            defer { isOld = false }
            waiting = []
            waitingBytes = 0
            dropped = 0
            return Batch(text: text, isOld: isOld)
        }
    }

    private func openAgain() {
        guard descriptor > STDERR_FILENO else { return }
        do {
            let new = try AccessLogFile.open(settings.path)
            close(descriptor)
            descriptor = new
        } catch {
            warn(error.message)
        }
    }

    /// Lines of several workers in one file stay whole: each batch is one call, and the file is appended to.
    private func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                hasFailed = false
            } else if errno == EAGAIN {
                // Whoever shares the terminal or pipe may have made it non-blocking.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                // Safety: one structure, which lives as long as the call.
                unsafe poll(&wanted, 1, -1)
            } else if errno != EINTR {
                return warn("\(settings.path): \(SystemError(call: "write", errno: errno)); lines are lost")
            }
        }
    }

    /// Says it once, until something has been written again.
    private func warn(_ text: String) {
        if !hasFailed { try? StandardStream.error.write(line: "hansom: access log: \(Printable(text))") }
        hasFailed = true
    }

    private static func open(_ path: String) throws(CommandFailure) -> Int32 {
        if path == "-" { return STDOUT_FILENO }
        let descriptor = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw CommandFailure("\(path): \(SystemError(call: "open", errno: errno))") }
        return descriptor
    }
}
