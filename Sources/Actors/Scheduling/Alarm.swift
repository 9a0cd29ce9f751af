/// Something to be done at a time, on one scheduler: armed, moved and disarmed as often as one likes without
/// allocating again.
///
/// Confined to its scheduler's thread.
package final class Alarm {
    /// When it rings, in the scheduler's nanoseconds.
    package fileprivate(set) var deadline: UInt64 = 0
    fileprivate var position = Alarm.disarmed
    fileprivate static let disarmed = -1
    package var action: () -> Void

    package init(_ action: @escaping () -> Void) { self.action = action }

    package var isArmed: Bool { position != Alarm.disarmed }
}

/// The armed alarms of one scheduler, soonest first: a binary heap whose elements know their place, so that moving
/// or removing one costs O(log n).
struct AlarmHeap {
    private var alarms: [Alarm] = []

    var count: Int { alarms.count }
    var soonest: UInt64? { alarms.first?.deadline }

    /// Arms `alarm`, or moves it when it is armed.
    mutating func arm(_ alarm: Alarm, at deadline: UInt64) {
        alarm.deadline = deadline
        if alarm.isArmed {
            settle(alarm)
        } else {
            alarm.position = alarms.count
            alarms.append(alarm)
            siftUp(alarm)
        }
    }

    /// Disarms `alarm`; harmless when it is not armed.
    mutating func disarm(_ alarm: Alarm) {
        guard alarm.isArmed else { return }
        let hole = alarm.position
        alarm.position = Alarm.disarmed
        let last = alarms.removeLast()
        guard last !== alarm else { return }
        alarms[hole] = last
        last.position = hole
        settle(last)
    }

    /// Takes the soonest alarm if its time has come.
    mutating func popDue(at now: UInt64) -> Alarm? {
        guard let first = alarms.first, first.deadline <= now else { return nil }
        disarm(first)
        return first
    }

    mutating func removeAll() -> [Alarm] {
        for alarm in alarms { alarm.position = Alarm.disarmed }
        defer { alarms = [] }
        return alarms
    }

    private mutating func settle(_ alarm: Alarm) {
        siftUp(alarm)
        siftDown(alarm)
    }

    private mutating func siftUp(_ alarm: Alarm) {
        while alarm.position > 0 {
            let parent = alarms[(alarm.position - 1) / 2]
            guard alarm.deadline < parent.deadline else { return }
            exchange(alarm, parent)
        }
    }

    private mutating func siftDown(_ alarm: Alarm) {
        while true {
            let left = alarm.position * 2 + 1
            guard left < alarms.count else { return }
            let right = left + 1
            let child =
                right < alarms.count && alarms[right].deadline < alarms[left].deadline ? alarms[right] : alarms[left]
            guard child.deadline < alarm.deadline else { return }
            exchange(alarm, child)
        }
    }

    private mutating func exchange(_ a: Alarm, _ b: Alarm) {
        swap(&a.position, &b.position)
        alarms[a.position] = a
        alarms[b.position] = b
    }
}
