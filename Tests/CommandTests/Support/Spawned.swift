import Foundation
import Glibc

/// A process of the system with a pipe on each of its standard streams.
///
/// Not Foundation's `Process`: there, a pipe may be inherited by whatever is started at the same time, and then it does
/// not end when it should.
struct Spawned: Sendable {
    let pid: pid_t
    let input: FileHandle
    let output: FileHandle
    let errors: FileHandle

    private static let oneAtATime = NSLock()

    init(_ executable: String, _ arguments: [String]) throws {
        // Writing to one that has ended is an error, not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        self = try Spawned.oneAtATime.withLock { try Spawned(spawning: executable, arguments) }
    }

    private init(spawning executable: String, _ arguments: [String]) throws {
        let (input, output, errors) = (try Spawned.pipe(), try Spawned.pipe(), try Spawned.pipe())
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, input.reading, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        setDefaultSignals(&attributes)
        var words = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { word in unsafe free(word) } }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(&pid, executable, &actions, &attributes, &words, environ)
        for end in [input.reading, output.writing, errors.writing] { close(end) }
        guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: result) ?? .EINVAL) }
        self.pid = pid
        self.input = FileHandle(fileDescriptor: input.writing, closeOnDealloc: true)
        self.output = FileHandle(fileDescriptor: output.reading, closeOnDealloc: true)
        self.errors = FileHandle(fileDescriptor: errors.reading, closeOnDealloc: true)
    }

    /// Waits for its end. Blocks; call it once.
    func waitForEnd() -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
