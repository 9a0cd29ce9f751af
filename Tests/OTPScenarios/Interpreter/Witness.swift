internal import Actors

/// Watches every process of a scenario and writes down how each ended. Of supervised ones it also writes down, in the
/// one order in which it all happened, when they started: that is the observer `log`.
struct Witness {
    enum Input: Sendable {
        case watch(PID, String, isChild: Bool, Reply<Void>)
        case ping(Reply<Void>)
        case down(Down)
    }

    private struct Watched {
        let name: String
        let isChild: Bool
    }

    private let record: Record
    private var watched: [MonitorReference: Watched] = [:]
    private var pids: [MonitorReference: PID] = [:]

    static func spawn(on scheduler: Scheduler, _ record: Record) -> Process<Input> {
        Process<Input>.spawn(on: scheduler, label: "witness") { me in
            var witness = Witness(record: record)
            while let input = await me.receive() { await witness.take(input, me) }
        }
    }

    private init(record: Record) { self.record = record }

    private mutating func take(_ input: Input, _ me: isolated Process<Input>) async {
        switch input {
        case .watch(let pid, let name, let isChild, let reply):
            await awaitTheDead(me)
            if isChild { record.saw("log", [name, "starts"]) }
            let monitor = me.monitor(pid) { .down($0) }
            watched[monitor] = Watched(name: name, isChild: isChild)
            pids[monitor] = pid
            reply()
        case .ping(let reply):
            await awaitTheDead(me)
            reply()
        case .down(let down): ended(down)
        }
    }

    /// A process that ends tells its links and monitors one by one, and others may have gone on in between.
    private mutating func awaitTheDead(_ me: isolated Process<Input>) async {
        while pids.values.contains(where: { !$0.isAlive }) {
            guard let down = await me.receive(matching: { if case .down(let down) = $0 { down } else { nil } }) else {
                return
            }
            ended(down)
        }
    }

    private mutating func ended(_ down: Down) {
        pids[down.monitor] = nil
        guard let who = watched.removeValue(forKey: down.monitor) else { return }
        if who.isChild {
            record.saw("log", [who.name, "ends", down.reason.word])
        } else {
            record.saw(who.name, ["ends", down.reason.word])
        }
    }
}
