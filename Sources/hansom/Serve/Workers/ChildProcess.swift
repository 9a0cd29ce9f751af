internal import Actors
internal import Glibc

/// A process of the system that this one has started.
///
/// It stays a zombie until `reap`: until then its number is nobody else's, and a signal reaches it or nobody.
final class ChildProcess: Sendable {
    /// How it ended.
    enum End: Error, Sendable, Hashable, CustomStringConvertible {
        case exited(code: Int32)
        case killed(signal: Int32)

        init(status: Int32) {
            let signal = status & 0x7F
            self = signal == 0 ? .exited(code: status >> 8 & 0xFF) : .killed(signal: signal)
        }

        var description: String {
            switch self {
            case .exited(let code): "ended with exit code \(code)"
            case .killed(let signal): "ended by signal \(signal)"
            }
        }
    }

    let pid: pid_t

    /// The number by which it knows the descriptor that it is given.
    static let passedDescriptor: Int32 = 3

    /// Starts this program once more: not by `fork`, after which a program with threads may do next to nothing.
    ///
    /// It is in a process group of its own, so that what is typed at a terminal reaches only this process. It inherits
    /// standard output and standard error, and nothing else: all other descriptors are closed on `exec`.
    ///
    /// - Parameters:
    ///   - arguments: what stands behind the program's name.
    ///   - descriptor: what it is given as `passedDescriptor`.
    init(arguments: [String], passing descriptor: Int32) throws(SystemError) {
        // Safety: actions and attributes live until the end; the words are copies, freed after the call.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, ChildProcess.passedDescriptor)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = unsafe ([CommandLine.arguments[0]] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { word in unsafe free(word) } }
        var pid: pid_t = 0
        let status = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &words, environ)
        guard status == 0 else { throw SystemError(call: "posix_spawn", errno: status) }
        self.pid = pid
    }

    /// Returns when it has ended. Blocks: for a thread that may.
    func waitUntilEnded() {
        var information = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
    }

    /// Sends it a signal. Not after `reap`.
    func signal(_ number: Int32) { kill(pid, number) }

    /// Lets it go, and tells how it ended. Once, and after it has.
    func reap() -> End {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return End(status: status)
    }
}
