internal import Actors

/// The alarms of one attempt to connect, one of a kind. Confined to the scheduler.
struct DialDeadlines {
    enum Kind: Hashable {
        case attempt, phase, responseHead, readIdle, writeIdle
    }

    private let scheduler: Scheduler
    private var alarms: [Kind: Alarm] = [:]

    init(on scheduler: Scheduler) { self.scheduler = scheduler }

    /// Has `ring` called after `timeout`, if there is one, unless it is armed anew or disarmed before.
    mutating func arm(_ kind: Kind, after timeout: Duration?, _ ring: @escaping (Duration) -> Void) {
        disarm(kind)
        guard let timeout else { return }
        let alarm = Alarm { ring(timeout) }
        alarms[kind] = alarm
        scheduler.arm(alarm, after: timeout)
    }

    mutating func disarm(_ kind: Kind) {
        if let alarm = alarms.removeValue(forKey: kind) { scheduler.disarm(alarm) }
    }

    mutating func disarmAll() {
        for alarm in alarms.values { scheduler.disarm(alarm) }
        alarms = [:]
    }
}
