package import Actors
internal import Synchronization

/// What all connections of a server together hold of what has come in, and who waits for room.
///
/// A connection tells it only when what it holds has crossed a boundary of 64 KiB: messages smaller than that cost
/// nothing here. Above the limit those that are counted, which are the largest, stop reading. They go on, the smallest
/// first, when a quarter is free. If there was no room for a whole second, the largest unfinished messages are given up
/// until a quarter is: so that messages that nobody completes cannot keep out the others for ever.
package final class InboundBudget: @unchecked Sendable {
    // Safety: all vars are touched with `lock` held; nobody is called with it held.
    /// What a connection holds is counted in whole steps of so many bytes.
    package static let step = 1 << 16
    /// How long there may be no room before unfinished messages are given up.
    package static let patience = Duration.seconds(1)
    /// How large a peak is worth giving back, and how long after it that is done.
    package static let largePeak = 32 << 20
    package static let trimDelay = Duration.seconds(5)

    package let limit: Int
    private let held = Atomic<Int>(0)
    private let lock = Lock()
    private var holders: [UInt64: Holder] = [:]
    private var isWatching = false
    /// Whether there was room since it was last looked after.
    private var hadRoom = false
    private var peak = 0
    /// Whether much was still held when a peak was given back: that is given back as well, when it goes.
    private var isTail = false
    private var isTrimDue = false
    private let largePeak: Int
    private let trim: @Sendable (Scheduler) -> Void

    /// A connection that holds at least a step.
    private struct Holder {
        let core: ProcessCore
        var steps: Int
        var unfinished: Int
        var isHeldUp = false
    }

    /// - Parameters:
    ///   - limit: bytes.
    ///   - largePeak: from how many bytes on a peak is given back.
    ///   - trim: gives back to the kernel what is free.
    package init(
        limit: Int, largePeak: Int = InboundBudget.largePeak,
        trim: @escaping @Sendable (Scheduler) -> Void = { FreedMemory.giveBack(on: [$0]) }
    ) {
        self.limit = limit
        self.largePeak = largePeak
        self.trim = trim
    }

    /// The bytes that are held, in whole steps of each connection.
    package var heldBytes: Int { held.load(ordering: .relaxed) }

    var isFull: Bool { held.load(ordering: .relaxed) >= limit }

    /// How many connections wait for room.
    package var heldUpCount: Int { lock.withLock { holders.values.count { $0.isHeldUp } } }

    private var isRoomy: Bool { heldBytes < limit - limit / 4 }

    // MARK: The connections, each on its scheduler

    /// A connection holds so many steps from now on, of which `unfinished` are of a message that is not complete.
    func set(_ steps: Int, unfinished: Int, of core: ProcessCore) {
        let (woken, trims) = lock.withLock { () -> ([ProcessCore], Bool) in
            let before = holders[core.id]?.steps ?? 0
            if steps == 0 {
                holders[core.id] = nil
            } else if before == 0 {
                holders[core.id] = Holder(core: core, steps: steps, unfinished: unfinished)
            } else {
                holders[core.id]?.steps = steps
                holders[core.id]?.unfinished = unfinished
            }
            let wasRoomy = isRoomy
            let now = heldBytes &+ (steps &- before) &* InboundBudget.step
            held.store(now, ordering: .relaxed)
            if now > peak { (peak, isTail) = (now, false) }
            var trims = false
            if !isTrimDue && isPeakOver {
                isTrimDue = true
                trims = true
            }
            return (isRoomy && !wasRoomy ? takeHeldUp() : [], trims)
        }
        if trims { core.scheduler.arm(Alarm { [self] in trimIfOver(core.scheduler) }, after: InboundBudget.trimDelay) }
        wake(woken)
    }

    /// Whether a connection, which is counted, has to wait for room. It is told when there is.
    func mustWait(_ core: ProcessCore) -> Bool {
        let (waits, watches) = lock.withLock { () -> (Bool, Bool) in
            guard isFull, holders[core.id] != nil else { return (false, false) }
            holders[core.id]?.isHeldUp = true
            defer { isWatching = true }
            if !isWatching { hadRoom = false }
            return (true, !isWatching)
        }
        if watches { watch(on: core.scheduler) }
        return waits
    }

    private func wake(_ cores: [ProcessCore]) {
        for core in cores { InboundBudget.tell(core) { $0.roomCame() } }
    }

    private static func tell(_ core: ProcessCore, _ what: @escaping @Sendable (isolated WebSocket) -> Void) {
        core.scheduler.runLater { (core.actor as? WebSocket)?.onOwnThread(what) }
    }

    /// With `lock` held: those that wait, the smallest first, who from now on do not.
    private func takeHeldUp() -> [ProcessCore] {
        hadRoom = true
        let waiting = holders.filter { $0.value.isHeldUp }.sorted { $0.value.steps < $1.value.steps }
        for (id, _) in waiting { holders[id]?.isHeldUp = false }
        return waiting.map(\.value.core)
    }

    // MARK: While somebody waits

    private func watch(on scheduler: Scheduler) {
        scheduler.arm(Alarm { [self] in lookAfter(scheduler) }, after: InboundBudget.patience)
    }

    private func lookAfter(_ scheduler: Scheduler) {
        let (woken, ended, goesOn) = lock.withLock { () -> ([ProcessCore], [ProcessCore], Bool) in
            if !isFull {
                let woken = takeHeldUp()
                isWatching = false
                return (woken, [], false)
            }
            defer { hadRoom = false }
            return ([], hadRoom ? [] : largestUnfinished(), true)
        }
        for core in ended { InboundBudget.tell(core) { $0.giveUpForRoom() } }
        wake(woken)
        if goesOn { watch(on: scheduler) }
    }

    /// With `lock` held: whose unfinished messages would have to go for a quarter to be free, the largest first, be it
    /// that they wait for room or that their peers have fallen silent.
    private func largestUnfinished() -> [ProcessCore] {
        var excess = heldBytes - (limit - limit / 4) + 1
        var chosen: [ProcessCore] = []
        for holder in holders.values.filter({ $0.unfinished > 0 }).sorted(by: { $0.unfinished > $1.unfinished }) {
            if excess <= 0 { break }
            chosen.append(holder.core)
            excess -= holder.unfinished * InboundBudget.step
        }
        return chosen
    }

    // MARK: After a peak

    /// With `lock` held.
    private var isPeakOver: Bool { (peak >= largePeak || isTail) && heldBytes <= peak / 2 }

    private func trimIfOver(_ scheduler: Scheduler) {
        let isOver = lock.withLock {
            isTrimDue = false
            guard isPeakOver else { return false }
            peak = heldBytes
            isTail = peak >= largePeak / 8
            return true
        }
        if isOver { trim(scheduler) }
    }
}

/// What a connection has told the budget: steps of 64 KiB.
struct InboundCount: Equatable {
    var steps: Int32 = 0
    var unfinished: Int32 = 0
}

/// A connection's part in it.
extension WebSocket {
    /// Whether nothing more is to be read for now, be it that introspection has asked for that or that there is no
    /// room.
    var isStopped: Bool { isSuspended || isHeldUp }

    /// Sees to it that the budget knows what is held; one that holds little has nothing to tell.
    @inline(__always)
    func account() {
        if budget != nil, heldBytes >= InboundBudget.step || counted.steps != 0 { accountForMuch() }
    }

    /// The same where something was taken that was held.
    @inline(__always)
    func accountTaken() {
        if counted.steps != 0 { account() }
    }

    @inline(never)
    private func accountForMuch() {
        guard let budget else { return }
        let held = heldBytes
        let now = InboundCount(
            steps: Int32(clamping: held / InboundBudget.step),
            unfinished: Int32(clamping: machine.bytesBuffered / InboundBudget.step))
        if now != counted {
            counted = now
            budget.set(Int(now.steps), unfinished: Int(now.unfinished), of: core)
        }
        if isHeldUp {
            if now.steps == 0 { roomCame() }
        } else {
            waitForRoomIfFull()
        }
    }

    /// One that is counted reads no more while the budget is used up.
    func waitForRoomIfFull() {
        guard counted.steps != 0, let budget, budget.isFull, end.isListening, budget.mustWait(core) else { return }
        isHeldUp = true
    }

    /// There is room, or it holds hardly anything any more.
    func roomCame() {
        guard isHeldUp else { return }
        isHeldUp = false
        if !end.isReleased && !isSuspended { resumeReading() }
    }

    /// Ends it, for the message that is not complete and keeps others out.
    func giveUpForRoom() {
        guard end.isListening, machine.bytesBuffered >= InboundBudget.step else { return }
        isHeldUp = false
        share.isUsedUp = false
        backlog = Backlog()
        fail(
            WebSocketError(
                .protocolViolation,
                "a message was not complete, and all connections together held the \(budget?.limit ?? 0) bytes of totalBytes",
                close: Close(code: .tryAgainLater, reason: "no room"), phase: .message))
        if !end.isReleased && isReadPaused {
            // What still comes is thrown away, up to the peer's end.
            isReadPaused = false
            stream?.setWantsRead(true)
        }
        account()
    }

    /// It is gone, and with it what it held.
    func leaveBudget() {
        guard counted.steps != 0 else { return }
        counted = InboundCount()
        budget?.set(0, unfinished: 0, of: core)
    }
}
