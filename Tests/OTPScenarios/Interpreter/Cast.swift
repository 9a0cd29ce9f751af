internal import Actors

/// Who is called what. A name means the newest process of that name, also after its end.
final class Cast: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var roles: [String: Role] = [:]
    private var names: [PID: String] = [:]
    private var starts: [String: Int] = [:]
    private var latches: [String: Completion] = [:]

    /// Everybody, by name.
    var all: [(name: String, role: Role)] {
        lock.withLock { roles.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    subscript(name: String) -> Role {
        guard let role = lock.withLock({ roles[name] }) else { preconditionFailure("nobody is called \(name)") }
        return role
    }

    func has(_ name: String) -> Bool { lock.withLock { roles[name] != nil } }

    func add(_ name: String, _ role: Role) {
        lock.withLock {
            roles[name] = role
            names[role.pid] = name
        }
    }

    /// Says who a process is before it can be commanded.
    func introduce(_ name: String, _ pid: PID) { lock.withLock { names[pid] = name } }

    func process(_ name: String) -> Process<Input> {
        guard case .process(let process) = self[name] else { preconditionFailure("\(name) is no plain process") }
        return process
    }

    func name(of pid: PID?) -> String {
        guard let pid else { return "outside" }
        return lock.withLock { names[pid] ?? "stranger" }
    }

    /// What somebody at work waits for.
    func latch(_ name: String) -> Completion {
        lock.withLock {
            let latch = latches[name] ?? Completion()
            latches[name] = latch
            return latch
        }
    }

    /// Lets go of everybody who is at work.
    func releaseAll() { for latch in lock.withLock({ Array(latches.values) }) { latch.complete() } }

    /// The same, for somebody who begins to wait.
    func newLatch(_ name: String) -> Completion {
        let latch = Completion()
        lock.withLock { latches[name] = latch }
        return latch
    }

    /// How often a child of this name has been started, this time included.
    func countStart(_ name: String) -> Int {
        lock.withLock {
            starts[name, default: 0] += 1
            return starts[name, default: 0]
        }
    }
}
