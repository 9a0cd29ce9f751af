import Foundation
import Glibc
import Testing

/// A run of the built `hansom` at a terminal of its own, with somebody who types. It is killed at a deadline.
actor TerminalRun {
    /// How many rows the terminal has.
    static let rows: UInt16 = 24

    /// How lines and keys reach a program at a terminal.
    struct Mode: Equatable {
        let givesLines: Bool
        let echoes: Bool
    }

    private nonisolated let pid: pid_t
    private nonisolated let master: Int32
    private nonisolated let slave: Int32
    private let pieces: AsyncStream<[UInt8]>
    private let ends: AsyncStream<Int32>
    private let deadline: Task<Void, any Error>
    private(set) var raw: [UInt8] = []

    /// What it shows by now.
    var screen: Screen { Screen(showing: String(decoding: raw, as: UTF8.self)) }

    init(arguments: [String], _ environment: [String] = []) throws {
        // What `posix_openpt` and `ptsname` do, which Swift's Glibc has not: pty(7), ioctl_tty(2).
        let (unlock, nameSlave) = (UInt(0x4004_5431), UInt(0x8004_5430))
        let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (locked, number) = (Int32(0), Int32(0))
        guard unsafe ioctl(master, unlock, &locked) == 0, unsafe ioctl(master, nameSlave, &number) == 0 else {
            throw POSIXError(.ENOTTY)
        }
        let path = "/dev/pts/\(number)"
        var size = winsize(ws_row: TerminalRun.rows, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0)
        _ = unsafe ioctl(master, UInt(TIOCSWINSZ), &size)
        self.master = master
        // Kept open, so that the mode can be asked for after the end and no byte is lost.
        slave = unsafe open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        let pid = try TerminalRun.spawn(arguments, environment, terminal: path)
        self.pid = pid
        pieces = TerminalRun.pieces(from: master)
        let (ends, ending) = AsyncStream<Int32>.makeStream()
        self.ends = ends
        Thread.detachNewThread {
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            ending.yield(status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F))
            ending.finish()
        }
        deadline = Task {
            try await Task.sleep(for: .seconds(60))
            kill(pid, SIGKILL)
        }
    }

    deinit {
        // Ends the thread that reads, too: nobody holds the other end any more.
        close(slave)
    }

    nonisolated var mode: Mode {
        var mode = termios()
        unsafe tcgetattr(slave, &mode)
        return Mode(givesLines: mode.c_lflag & tcflag_t(ICANON) != 0, echoes: mode.c_lflag & tcflag_t(ECHO) != 0)
    }

    nonisolated func type(_ text: String) {
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBytes { unsafe write(master, $0.baseAddress, $0.count) }
        #expect(count == bytes.count)
    }

    nonisolated func signal(_ number: Int32) { kill(pid, number) }

    /// Waits until the screen is as described.
    func wait(
        _ what: Comment, until isThere: (Screen) -> Bool, location: SourceLocation = #_sourceLocation
    ) async throws {
        while !isThere(screen) {
            guard let piece = await pieces.first(where: { _ in true }) else {
                Issue.record("\(what) was never shown: \(screen.lines)", sourceLocation: location)
                throw CancellationError()
            }
            raw += piece
        }
    }

    /// Waits for its end.
    func finished() async -> Int32 {
        var result: Int32 = -1
        for await code in ends { result = code }
        deadline.cancel()
        return result
    }

    private static func spawn(_ arguments: [String], _ environment: [String], terminal: String) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        let setsid: Int16 = 0x80  // POSIX_SPAWN_SETSID
        // The leader of a session of its own gets the terminal that it opens first: ^C and ^Z are for it.
        setDefaultSignals(&attributes, andFlags: setsid)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, 0, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, 0, 2)
        let executable = CommandRun.executable.path
        var words = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { word in unsafe free(word) } }
        let environment = environment.contains { $0.hasPrefix("TERM=") } ? environment : environment + ["TERM=xterm"]
        let inherited = ProcessInfo.processInfo.environment.filter { $0.key != "NO_COLOR" && $0.key != "TERM" }
        var variables =
            unsafe (inherited.map { "\($0.key)=\($0.value)" } + environment).map {
                unsafe strdup($0)
            } + [nil]
        defer { unsafe variables.forEach { word in unsafe free(word) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(&pid, executable, &actions, &attributes, &words, &variables)
        guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: result) ?? .EINVAL) }
        return pid
    }

    /// What the terminal is told, read by a thread of its own, which closes the master at the end.
    private static func pieces(from master: Int32) -> AsyncStream<[UInt8]> {
        let (pieces, continuation) = AsyncStream<[UInt8]>.makeStream()
        Thread.detachNewThread {
            while true {
                let piece = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                    count = unsafe max(0, read(master, buffer.baseAddress, buffer.count))
                }
                if piece.isEmpty { break }
                continuation.yield(piece)
            }
            continuation.finish()
            close(master)
        }
        return pieces
    }
}
