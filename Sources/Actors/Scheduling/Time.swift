internal import CHansomSystem
internal import Glibc

/// Where schedulers read the time, so that tests can move it by hand.
public protocol TimeSource: AnyObject, Sendable {
    /// Nanoseconds since some fixed moment; never goes back.
    var nanoseconds: UInt64 { get }

    /// The same at less cost, maybe a few milliseconds old. Default: `nanoseconds`.
    var coarseNanoseconds: UInt64 { get }

    /// Whether time passes while a scheduler sleeps. If not, it sleeps until `wake` is called.
    var flows: Bool { get }

    /// Takes a closure to call, from any thread, whenever time has been moved by hand.
    func onMove(_ wake: @escaping @Sendable () -> Void)
}

extension TimeSource {
    /// The time as `nanoseconds` gives it, for sources that have none at less cost.
    public var coarseNanoseconds: UInt64 { nanoseconds }
}

/// The kernel's monotonic clock.
public final class SystemTime: TimeSource {
    /// The one clock that all schedulers read unless their group's options say otherwise.
    public static let shared = SystemTime()

    /// Nanoseconds of `CLOCK_MONOTONIC`: since about the start of the machine, without the time it was suspended.
    public var nanoseconds: UInt64 { SystemTime.read() }

    /// Nanoseconds of `CLOCK_MONOTONIC_COARSE`: as old as the kernel's last tick.
    public var coarseNanoseconds: UInt64 { SystemTime.readCoarsely() }

    /// Always `true`: this time passes by itself.
    public var flows: Bool { true }

    /// Does nothing, since nobody moves this time by hand: `wake` is never called.
    public func onMove(_ wake: @escaping @Sendable () -> Void) {}

    static func read() -> UInt64 { read(CLOCK_MONOTONIC) }

    static func readCoarsely() -> UInt64 { read(CLOCK_MONOTONIC_COARSE) }

    @inline(__always)
    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        // Neither is ever below zero, nor is a machine up for centuries.
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}

/// Something to be done at a time, on one scheduler: armed, moved and disarmed as often as one likes without
/// allocating again.
///
/// Confined to its scheduler's thread.
@usableFromInline
package class Alarm {
    /// Where a heap keeps an alarm: in the heap proper, or among those that are due and were taken out of it together.
    enum Place: Equatable {
        case none
        case heap(Int)
        case due(Int)
    }

    /// When it rings, in the scheduler's nanoseconds.
    // Safety (unchecked exclusivity, here and below): no access to these calls out.
    @safe @exclusivity(unchecked) package internal(set) final var deadline: UInt64 = 0
    @safe @exclusivity(unchecked) final var place = Place.none
    package final var action: () -> Void

    package init(_ action: @escaping () -> Void) { self.action = action }

    package final var isArmed: Bool { place != .none }

    /// Does what it is for.
    func ring() { action() }

    /// It rings no more: its scheduler has ended. What it holds is let go of, the alarm itself maybe among it.
    func lapse() {
        let action = action
        self.action = {}
        withExtendedLifetime(action) {}
    }
}

/// The armed alarms of one scheduler, soonest first; alarms of one moment in the order in which they were armed.
///
/// A heap in which each element has four below it, with the keys beside the alarms, so that looking for a place touches
/// few lines of memory and no alarm but those that move. An alarm knows its place: moving or disarming it costs O(log
/// n).
///
/// Those that are due at one time are taken out together. If they are many, which is what a heap is bad at, they are
/// sorted, and the rest is made a heap again.
@safe struct AlarmHeap: ~Copyable {
    @safe struct Entry {
        var deadline: UInt64
        /// From 1 on; 0 says that a place is empty.
        var ticket: UInt64
        // Safety: an entry in `entries` or `due` owns its alarm; who takes the entry out takes the reference over.
        let alarm: Unmanaged<Alarm>

        func rings(before other: Entry) -> Bool {
            deadline == other.deadline ? ticket < other.ticket : deadline < other.deadline
        }
    }

    // Safety: `entries` has `capacity` slots, the first `size` of which are initialised.
    private var entries: UnsafeMutablePointer<Entry>
    private var capacity = 64
    private var size = 0
    /// Those that were taken out together, in their order. Who was disarmed since has left its place empty; the first
    /// that is still to ring, if any, is at `nextDue`.
    private var due: [Entry] = []
    private var nextDue = 0
    private var dueCount = 0
    /// How often an alarm was armed.
    private(set) var lastTicket: UInt64 = 0

    init() { unsafe entries = .allocate(capacity: 64) }

    deinit {
        for index in 0..<size { unsafe entries[index].alarm.release() }
        for entry in due where entry.ticket > 0 { unsafe entry.alarm.release() }
        unsafe entries.deallocate()
    }

    var count: Int { size + dueCount }
    var soonest: UInt64? { first?.deadline }

    /// Arms `alarm`, or moves it when it is armed.
    mutating func arm(_ alarm: Alarm, at deadline: UInt64) {
        lastTicket &+= 1
        alarm.deadline = deadline
        let entry = unsafe Entry(deadline: deadline, ticket: lastTicket, alarm: .passUnretained(alarm))
        switch alarm.place {
        case .heap(let index): return settle(entry, at: index)
        case .due(let index): vacate(index)
        case .none: _ = unsafe entry.alarm.retain()
        }
        if size == capacity { grow() }
        size += 1
        siftUp(entry, from: size - 1)
    }

    /// Disarms `alarm`; harmless when it is not armed.
    ///
    /// - Returns: the heap's reference, if it was armed. The caller releases it when this is over: what goes with an
    ///   alarm may arm and disarm others, and must find the heap whole.
    @inline(never)
    mutating func disarm(_ alarm: Alarm) -> Unmanaged<Alarm>? {
        switch alarm.place {
        case .none: return nil
        case .heap(let index): remove(at: index)
        case .due(let index): vacate(index)
        }
        alarm.place = .none
        return unsafe .passUnretained(alarm)
    }

    /// Takes the soonest alarm if its time has come and it was armed no later than the one with `ticket`.
    mutating func popDue(at now: UInt64, armedUpTo ticket: UInt64 = .max) -> Alarm? {
        guard let soonest = first, soonest.deadline <= now, soonest.ticket <= ticket else { return nil }
        if dueCount == 0 && isBelowRootDue(at: now) { takeTogether(at: now) }
        if let entry = firstDue, entry.ticket == soonest.ticket { vacate(nextDue) } else { remove(at: 0) }
        let alarm = unsafe soonest.alarm.takeRetainedValue()
        alarm.place = .none
        return alarm
    }

    private var firstDue: Entry? { dueCount > 0 ? due[nextDue] : nil }

    private var first: Entry? {
        guard size > 0 else { return firstDue }
        let top = unsafe entries[0]
        guard let firstDue, firstDue.rings(before: top) else { return top }
        return firstDue
    }

    // MARK: Those that are due together

    /// Whether more are due than the root.
    private func isBelowRootDue(at now: UInt64) -> Bool {
        for child in 1..<max(1, min(5, size)) where unsafe entries[child].deadline <= now { return true }
        return false
    }

    /// Moves all that are due from the heap to `due`.
    private mutating func takeTogether(at now: UInt64) {
        let indices = dueIndices(at: now)
        due.removeAll(keepingCapacity: indices.count >= 64)
        if indices.count < 64 || indices.count < size / 8 {
            for _ in indices {
                due.append(unsafe entries[0])
                remove(at: 0)
            }
        } else {
            cutOut(indices)
        }
        nextDue = 0
        dueCount = due.count
        for (index, entry) in due.enumerated() { unsafe entry.alarm.takeUnretainedValue().place = .due(index) }
    }

    /// Where in the heap those are that are due, ascending. What is above one that is due is due itself.
    private func dueIndices(at now: UInt64) -> [Int] {
        var indices = [0]
        var seen = 0
        while seen < indices.count {
            let left = indices[seen] * 4 + 1
            for child in left..<max(left, min(left + 4, size)) where unsafe entries[child].deadline <= now {
                indices.append(child)
            }
            seen += 1
        }
        return indices
    }

    private mutating func cutOut(_ indices: [Int]) {
        due = AlarmHeap.sorted(indices.map { unsafe entries[$0] })
        var kept = 0
        var next = 0
        for index in 0..<size {
            if next < indices.count && indices[next] == index {
                next += 1
            } else {
                put(unsafe entries[index], at: kept)
                kept += 1
            }
        }
        size = kept
        for index in stride(from: (size - 2) / 4, through: 0, by: -1) { siftDown(unsafe entries[index], from: index) }
    }

    /// In the order in which they ring. Deadlines that have come together differ in few of their bits: so they are sorted
    /// by these, some at a time, and not compared.
    private static func sorted(_ entries: [Entry]) -> [Entry] {
        func least(_ key: (Entry) -> UInt64) -> UInt64 { entries.reduce(.max) { min($0, key($1)) } }
        func most(_ key: (Entry) -> UInt64) -> UInt64 { entries.reduce(.min) { max($0, key($1)) } }
        func bits(_ number: UInt64) -> Int { UInt64.bitWidth - number.leadingZeroBitCount }
        let (firstTicket, firstDeadline) = (least { $0.ticket }, least { $0.deadline })
        let ticketBits = bits(most { $0.ticket } &- firstTicket)
        let deadlineBits = bits(most { $0.deadline } &- firstDeadline)
        guard entries.count >= 256, ticketBits + deadlineBits <= 6 * digit else {
            return entries.sorted { $0.rings(before: $1) }
        }
        var (from, to) = (entries, entries)
        // Each pass leaves those it does not tell apart in their order: so the tickets' come first.
        for shift in stride(from: 0, to: ticketBits, by: digit) {
            distribute(from, &to) { ($0.ticket &- firstTicket) >> shift }
            swap(&from, &to)
        }
        for shift in stride(from: 0, to: deadlineBits, by: digit) {
            distribute(from, &to) { ($0.deadline &- firstDeadline) >> shift }
            swap(&from, &to)
        }
        return from
    }

    /// How many bits one pass looks at.
    private static var digit: Int { 11 }

    /// Puts what stands in `from` to where it belongs in `to` by the last bits of its key.
    @inline(__always)
    private static func distribute(_ from: [Entry], _ to: inout [Entry], by key: (Entry) -> UInt64) {
        let mask = UInt64(1) << digit &- 1
        var places = [Int](repeating: 0, count: 1 << digit)
        var counts = places.mutableSpan
        let source = from.span
        for index in source.indices { counts[Int(key(source[index]) & mask)] &+= 1 }
        var next = 0
        for value in counts.indices {
            let count = counts[value]
            counts[value] = next
            next += count
        }
        var target = to.mutableSpan
        for index in source.indices {
            let entry = source[index]
            let value = Int(key(entry) & mask)
            target[counts[value]] = entry
            counts[value] &+= 1
        }
    }

    /// Empties a place among those that are due.
    private mutating func vacate(_ index: Int) {
        due[index].ticket = 0
        dueCount -= 1
        while nextDue < due.count && due[nextDue].ticket == 0 { nextDue += 1 }
    }

    // MARK: The heap

    private mutating func remove(at index: Int) {
        size -= 1
        if index < size { settle(unsafe entries[size], at: index) }
    }

    /// Puts `entry` where it belongs from `index` on, whose own entry is gone.
    private mutating func settle(_ entry: Entry, at index: Int) {
        if index > 0, unsafe entry.rings(before: entries[(index - 1) / 4]) {
            siftUp(entry, from: index)
        } else {
            siftDown(entry, from: index)
        }
    }

    private mutating func siftUp(_ entry: Entry, from start: Int) {
        var hole = start
        while hole > 0 {
            let parent = (hole - 1) / 4
            let above = unsafe entries[parent]
            guard entry.rings(before: above) else { break }
            put(above, at: hole)
            hole = parent
        }
        put(entry, at: hole)
    }

    private mutating func siftDown(_ entry: Entry, from start: Int) {
        var hole = start
        while hole * 4 + 1 < size {
            let child = soonestChild(of: hole)
            let below = unsafe entries[child]
            guard below.rings(before: entry) else { break }
            put(below, at: hole)
            hole = child
        }
        put(entry, at: hole)
    }

    /// The soonest below `index`, which has one at least.
    private func soonestChild(of index: Int) -> Int {
        let left = index * 4 + 1
        var soonest = left
        for child in left + 1..<max(left + 1, min(left + 4, size))
        where unsafe entries[child].rings(before: entries[soonest]) {
            soonest = child
        }
        return soonest
    }

    private mutating func put(_ entry: Entry, at index: Int) {
        unsafe (entries + index).initialize(to: entry)
        unsafe entry.alarm.takeUnretainedValue().place = .heap(index)
    }

    private mutating func grow() {
        let bigger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        unsafe bigger.moveInitialize(from: entries, count: size)
        unsafe entries.deallocate()
        unsafe entries = bigger
        capacity *= 2
    }
}

extension Duration {
    /// Whole nanoseconds, between 0 and `UInt64.max / 2`: what a deadline can be counted in without overflow.
    package var clampedNanoseconds: UInt64 {
        let (attoseconds, limit) = (attoseconds, UInt64.max / 2)
        if attoseconds < 0 { return 0 }
        // One division of the processor's: by way of `components` it would be several of wider numbers.
        let high = UInt64(truncatingIfNeeded: attoseconds >> 64)
        guard high < 1_000_000_000 else { return limit }
        let low = UInt64(truncatingIfNeeded: attoseconds)
        return min(UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient, limit)
    }

    /// The longest wait before one more attempt, for a backoff that begins with this: twice as much each time, up to
    /// `most`.
    ///
    /// - Parameter attempt: its number among the further ones, from 1.
    package func backoff(before attempt: Int, atMost most: Duration) -> Duration {
        var bound = min(self, most)
        var doublings = max(attempt, 1) - 1
        while doublings > 0, bound > .zero, bound < most {
            bound = min(bound * 2, most)
            doublings -= 1
        }
        return bound
    }
}
