/// Something to be done at a time, on one scheduler: armed, moved and disarmed as often as one likes without
/// allocating again.
///
/// Confined to its scheduler's thread.
package class Alarm {
    /// When it rings, in the scheduler's nanoseconds.
    package fileprivate(set) final var deadline: UInt64 = 0
    fileprivate final var position = Alarm.disarmed
    /// How many alarms of the heap were armed before it, and it is one of them.
    fileprivate final var ticket: UInt64 = 0
    fileprivate static let disarmed = -1
    package final var action: () -> Void

    package init(_ action: @escaping () -> Void) { self.action = action }

    package final var isArmed: Bool { position != Alarm.disarmed }

    /// Whether it rings before `other`: alarms of one moment ring in the order in which they were armed.
    fileprivate func rings(before other: Alarm) -> Bool {
        deadline == other.deadline ? ticket < other.ticket : deadline < other.deadline
    }
}

/// The armed alarms of one scheduler, soonest first: a binary heap whose elements know their place, so that moving
/// or removing one costs O(log n).
struct AlarmHeap {
    private var alarms: [Alarm] = []
    /// How often an alarm was armed.
    private(set) var lastTicket: UInt64 = 0

    var count: Int { alarms.count }
    var soonest: UInt64? { alarms.first?.deadline }

    /// Arms `alarm`, or moves it when it is armed.
    mutating func arm(_ alarm: Alarm, at deadline: UInt64) {
        lastTicket &+= 1
        alarm.ticket = lastTicket
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

    /// Takes the soonest alarm if its time has come and it was armed no later than the one with `ticket`.
    mutating func popDue(at now: UInt64, armedUpTo ticket: UInt64 = .max) -> Alarm? {
        guard let first = alarms.first, first.deadline <= now, first.ticket <= ticket else { return nil }
        disarm(first)
        return first
    }

    private mutating func settle(_ alarm: Alarm) {
        siftUp(alarm)
        siftDown(alarm)
    }

    private mutating func siftUp(_ alarm: Alarm) {
        while alarm.position > 0 {
            let parent = alarms[(alarm.position - 1) / 2]
            guard alarm.rings(before: parent) else { return }
            exchange(alarm, parent)
        }
    }

    private mutating func siftDown(_ alarm: Alarm) {
        while true {
            let left = alarm.position * 2 + 1
            guard left < alarms.count else { return }
            let right = left + 1
            let child =
                right < alarms.count && alarms[right].rings(before: alarms[left]) ? alarms[right] : alarms[left]
            guard child.rings(before: alarm) else { return }
            exchange(alarm, child)
        }
    }

    private mutating func exchange(_ a: Alarm, _ b: Alarm) {
        swap(&a.position, &b.position)
        alarms[a.position] = a
        alarms[b.position] = b
    }
}
