import Actors
import Glibc
import HansomTesting
import Testing

/// A hand-driven scheduler, what it has reported, and processes that do what a test says.
struct World: Sendable {
    let events = Probe<SystemEvent>()
    let driven: HandDriven
    private let ending: Ending

    init(index: Int = 0, mailboxWarning: Int = 10_000, crashTextLimit: Int = 2_048) {
        driven = HandDriven(
            index: index,
            settings: SystemSettings(mailboxWarning: mailboxWarning, crashTextLimit: crashTextLimit) { [events] in
                events.record($0)
            })
        ending = Ending(driven, events)
    }

    /// Ends with the world whatever a test has left in it: a process holds its scheduler, and a scheduler its
    /// processes.
    private final class Ending: Sendable {
        private let driven: HandDriven
        private let events: Probe<SystemEvent>

        init(_ driven: HandDriven, _ events: Probe<SystemEvent>) {
            self.driven = driven
            self.events = events
        }

        deinit {
            driven.run { for core in driven.scheduler.processes.cores { core.receiveExit(.kill) } }
            driven.settle()
            // A report names processes, and their scheduler reports here.
            events.removeAll()
        }
    }

    var scheduler: Scheduler { driven.scheduler }

    /// Runs `body` on the scheduler's thread, and then all that it has set going.
    @discardableResult
    func play<R>(_ body: () -> R) -> R {
        let result = driven.run(body)
        driven.settle()
        return result
    }

    func advance(by duration: Duration) { driven.advance(by: duration) }

    /// A process of the test's own, which has come to rest.
    @discardableResult
    func spawn<M: Sendable>(
        _ type: M.Type = M.self, label: String? = nil, mailbox: MailboxOptions = .unbounded,
        _ body: @escaping Process<M>.Body
    ) -> Process<M> {
        play { Process<M>.spawn(on: scheduler, label: label, mailbox: mailbox, body) }
    }

    /// A process that does what it is told and writes down what else it gets.
    func puppet(
        _ log: Probe<String> = Probe(), traps: Bool = false, mailbox: MailboxOptions = .unbounded
    ) -> Process<Puppet> {
        spawn(mailbox: mailbox) { me in
            if traps { me.trapExits { .exit($0) } }
            while let message = await me.receive() { try await message.play(me, log) }
        }
    }

    /// Lets a puppet do something, and all that follows.
    func tell(_ puppet: Process<Puppet>, _ action: @escaping Puppet.Action) { play { puppet.send(.act(action)) } }

    /// Lets a puppet ask for something, and returns what it got once all has come to rest.
    func ask<R: Sendable>(
        _ puppet: Process<Puppet>, _ question: @escaping @Sendable (isolated Process<Puppet>) async throws -> R
    ) -> R? {
        let answer = Probe<R>()
        tell(puppet) { me in answer.record(try await question(me)) }
        wait { answer.count > 0 || !puppet.pid.isAlive }
        return answer.values.first
    }

    /// Goes on until `isTrue`, for a bounded number of times: for what leaves the scheduler's thread and comes back, as
    /// a closure may that the compiler has made asynchronous.
    func wait(_ isTrue: () -> Bool) {
        for _ in 0..<100_000 where !isTrue() {
            sched_yield()
            driven.settle()
        }
    }

    /// Ends what is left.
    func end() {
        play { for core in scheduler.processes.cores { core.receiveExit(.kill) } }
        #expect(scheduler.processes.isEmpty)
    }
}

/// What a puppet gets.
enum Puppet: Sendable {
    typealias Action = @Sendable (isolated Process<Puppet>) async throws -> Void

    case act(Action)
    case exit(ExitSignal)
    case down(Down)
    case changed(GroupChange)
    case text(String)

    func play(_ me: isolated Process<Puppet>, _ log: Probe<String>) async throws {
        switch self {
        case .act(let action): try await action(me)
        case .exit(let signal): log.record("exit \(signal.reason)")
        case .down(let down): log.record("down \(down.reason)")
        case .changed(.joined): log.record("joined")
        case .changed(.left): log.record("left")
        case .text(let text): log.record(text)
        }
    }
}

/// Why a test lets something fail.
struct Failure: Error, Equatable, CustomStringConvertible {
    var description: String { "failure" }
}

extension ServerAddress {
    /// The process of a server that has not ended. On its scheduler's thread.
    var process: Process<ServerMessage<S>> {
        guard let process = pid.core.actor as? Process<ServerMessage<S>> else {
            preconditionFailure("\(self) has ended")
        }
        return process
    }
}

/// Waiting in a hand-driven scheduler's own time, also in a task that was cancelled.
enum TestClock {
    static func sleep(_ duration: Duration, _ driven: HandDriven) async {
        guard Scheduler.current === driven.scheduler else {
            // A closure may be made asynchronous on Swift's pool: nothing of the scheduler's is touched from there.
            return await withCheckedContinuation { continuation in
                driven.scheduler.run {
                    driven.scheduler.arm(Alarm { continuation.resume() }, after: duration)
                }
            }
        }
        let latch = DrivenLatch(driven)
        let alarm = Alarm { latch.open() }
        driven.scheduler.arm(alarm, after: duration)
        await latch.wait()
    }
}
