import Actors
import Foundation
import Glibc

/// A foreign program, run with pipes of its own and ended by its own id.
///
/// Foundation's `Process` lets every child inherit the pipes of all others, so that no end of file ever comes.
final class Program: @unchecked Sendable {
    // Safety: `status` and `isInputOpen` are touched with `lock` held; the rest does not change.
    let lines: AsyncStream<String>
    private let id: pid_t
    private let input: Int32
    private let ended: AsyncStream<Int32>
    private let lock = Lock()
    private var exitStatus: Int32?
    private var isInputOpen = true

    /// The package's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    init(_ executable: String, _ arguments: [String]) throws {
        // A program that has gone reads no more; that is no reason to go too.
        _ = signal(SIGPIPE, SIG_IGN)
        let (childInput, parentInput, parentOutput, childOutput, spawned) = try Program.spawning.withLock {
            () throws -> (Int32, Int32, Int32, Int32, pid_t?) in
            let (input, output) = (try Program.pipe(), try Program.pipe())
            let id = Program.spawn(executable, arguments, input: input.read, output: output.write)
            return (input.read, input.write, output.read, output.write, id)
        }
        close(childInput)
        close(childOutput)
        guard let id = spawned else {
            close(parentInput)
            close(parentOutput)
            throw Missing(description: "cannot run \(executable)")
        }
        self.id = id
        input = parentInput
        let (lines, lineContinuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let (ended, endContinuation) = AsyncStream.makeStream(of: Int32.self)
        self.ended = ended
        Thread.detachNewThread { [self] in
            Program.readLines(parentOutput) { lineContinuation.yield($0) }
            close(parentOutput)
            lineContinuation.finish()
            let status = Program.wait(id)
            lock.withLock { exitStatus = status }
            endContinuation.yield(status)
            endContinuation.finish()
        }
    }

    /// One of the peers of Tests/Peers, in its Python.
    static func peer(_ name: String, _ arguments: [String]) throws -> Program {
        let python = root.appendingPathComponent(".venv/bin/python").path
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw Missing(
                description:
                    "the foreign peers are not installed: no \(python); run ./Scripts/test, which installs them")
        }
        return try Program(python, ["-u", root.appendingPathComponent("Tests/Peers/\(name).py").path] + arguments)
    }

    /// Writes to its standard input.
    func write(_ text: String) {
        let bytes = Array(text.utf8)
        lock.withLock { if isInputOpen { _ = unsafe Glibc.write(input, bytes, bytes.count) } }
    }

    func closeInput() {
        lock.withLock {
            if isInputOpen { close(input) }
            isInputOpen = false
        }
    }

    /// Waits for its end and returns the exit status; minus the signal's number when one ended it.
    func status() async -> Int32 {
        for await status in ended { return status }
        return lock.withLock { exitStatus } ?? -1
    }

    /// Ends it, if it still runs.
    func end() async {
        lock.withLock { if exitStatus == nil { _ = kill(id, SIGTERM) } }
        _ = await status()
        closeInput()
    }

    /// Runs it to its end: what it printed, and its exit status.
    func output() async -> (text: String, status: Int32) {
        var all: [String] = []
        for await line in lines { all.append(line) }
        defer { closeInput() }
        return (all.joined(separator: "\n"), await status())
    }

    // MARK: System calls

    /// Held from the making of a pipe to the start of its program, so that no other is started in between.
    private static let spawning = Lock()

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw Missing(description: "no pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(_ executable: String, _ arguments: [String], input: Int32, output: Int32) -> pid_t? {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(input, 0), (output, 1), (output, 2)] as [(Int32, Int32)] {
            unsafe posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        // The threads of a pool block all signals, and a program would inherit that.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var (none, pipes) = (sigset_t(), sigset_t())
        unsafe sigemptyset(&none)
        unsafe sigemptyset(&pipes)
        unsafe sigaddset(&pipes, SIGPIPE)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &pipes)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([executable] + arguments).map { unsafe strdup($0) }
        defer { unsafe words.forEach { unsafe free($0) } }
        unsafe words.append(nil)
        var id = pid_t()
        return unsafe posix_spawn(&id, executable, &actions, &attributes, words, environ) == 0 ? id : nil
    }

    /// Hands over each line until the end; the last one also when nothing ends it.
    private static func readLines(_ descriptor: Int32, _ take: (String) -> Void) {
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            rest += buffer[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                take(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
        }
        if !rest.isEmpty { take(String(decoding: rest, as: UTF8.self)) }
    }

    private static func wait(_ id: pid_t) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }
}
