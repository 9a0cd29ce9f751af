internal import Actors
internal import WSConnection

/// The end of all connections of one scheduler.
extension ConnectionSupervisor {
    var mayShakeHands: Bool { end == .none }

    /// Tells every peer 1001, drops handshakes that are under way and peers that might ask again, and waits for the rest,
    /// answers among it, at most until `deadline`.
    func shutdown(within deadline: Duration) async {
        if end == .none { end = .draining }
        let forcing = Alarm { [unowned self] in onOwnThread { $0.force() } }
        scheduler.arm(forcing, after: deadline)
        let dropping = Alarm { [unowned self] in onOwnThread { $0.stopConversations() } }
        if drain.handshakeGrace == .zero {
            stopConversations()
        } else {
            scheduler.arm(dropping, after: drain.handshakeGrace)
        }
        let farewell = Farewell(connections, within: deadline, drain, on: scheduler)
        farewell.step()
        await untilEmpty()
        farewell.cancel()
        scheduler.disarm(dropping)
        scheduler.disarm(forcing)
    }

    private func stopConversations() { for conversation in conversations.values { conversation.stop() } }

    /// Kills what is left: connections are dropped, and handlers cancelled but not waited for. Nor are
    /// conversations, in which the application may be asked and not answer.
    private func force() {
        end = .forced
        for conversation in conversations.values { conversation.abort() }
        conversations = [:]
        for connection in connections { connection.core.receiveExit(.kill) }
        checkEmpty()
    }
}

/// Tells connections goodbye as a `DrainPlan` says.
private final class Farewell {
    private var connections: [WebSocket?]
    private var plan: DrainPlan
    private let scheduler: Scheduler
    private var alarm: Alarm?

    init(_ connections: [WebSocket], within deadline: Duration, _ options: DrainOptions, on scheduler: Scheduler) {
        self.connections = connections
        plan = DrainPlan(telling: connections.count, within: deadline, options)
        self.scheduler = scheduler
    }

    func step() {
        guard let step = plan.next(chance: .random(in: 0..<1)) else { return }
        for index in step.told {
            connections[index]?.onOwnThread { $0.beginClose(.goingAway) }
            connections[index] = nil
        }
        guard let pause = step.pause else { return }
        let next = alarm ?? Alarm { [unowned self] in self.step() }
        alarm = next
        scheduler.arm(next, after: pause)
    }

    func cancel() {
        if let alarm { scheduler.disarm(alarm) }
        connections = []
    }
}
