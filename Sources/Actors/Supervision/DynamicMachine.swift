/// What a dynamic supervisor decides, as a value. Its children have numbers, since they have no names.
struct DynamicMachine<Handle: Hashable & Sendable>: Sendable {
    enum Step: Hashable, Sendable {
        case start(Int)
        /// To call `tryAgain`, after whatever else waits to be dealt with.
        case tryAgain(Int)
        case reportRestart(Int, count: Int)
        case reportGiveUp(Int)
        /// Too many restarts: every child is to be stopped, and the supervisor ends.
        case giveUp
    }

    let restart: Child.Restart
    let maxChildren: Int
    private(set) var running: [Handle: Int] = [:]
    /// Those that are started again, or could not be and will be tried once more; and which processes they were.
    private(set) var restarting: [Int: Handle] = [:]
    private(set) var intensity: RestartIntensity
    private var plan: [Step] = []
    private var lastNumber = 0

    init(_ options: DynamicSupervisor.Options) {
        restart = options.restart
        maxChildren = options.maxChildren
        intensity = RestartIntensity(allowed: options.maxRestarts, period: options.period)
    }

    var count: Int { running.count + restarting.count }

    mutating func next() -> Step? { plan.isEmpty ? nil : plan.removeFirst() }

    /// The number of a child to be, if there is room for it.
    mutating func admit() -> Int? {
        guard count < maxChildren else { return nil }
        lastNumber += 1
        return lastNumber
    }

    mutating func started(_ number: Int, _ handle: Handle) {
        restarting[number] = nil
        running[handle] = number
    }

    /// A child that was to be started again could not be. It is tried once more, but not at once: what has happened
    /// meanwhile comes first. (OTP: `try_again_restart`.)
    mutating func restartFailed(_ number: Int) { plan.append(.tryAgain(number)) }

    /// A child that could not be started again is to be tried once more, which counts as another restart. One that was
    /// stopped for good meanwhile is left alone.
    mutating func tryAgain(_ number: Int, now: UInt64) {
        if let former = restarting[number] { startAgain(number, former, now: now) }
    }

    /// A child has ended by itself.
    ///
    /// - Returns: its number, if it is forgotten now.
    mutating func exited(_ handle: Handle, _ reason: ExitReason, now: UInt64) -> Int? {
        guard let number = running.removeValue(forKey: handle) else { return nil }
        guard restart == .permanent || (restart == .transient && !reason.isOrderly) else { return number }
        startAgain(number, handle, now: now)
        return nil
    }

    /// A child is stopped for good, also one that was this process and is to be started again. Its number, if it is there.
    mutating func terminated(_ handle: Handle) -> Int? {
        if let number = running.removeValue(forKey: handle) { return number }
        guard let number = restarting.first(where: { $0.value == handle })?.key else { return nil }
        restarting[number] = nil
        return number
    }

    private mutating func startAgain(_ number: Int, _ handle: Handle, now: UInt64) {
        if intensity.add(at: now) {
            restarting[number] = nil
            plan = [.reportGiveUp(number), .giveUp]
        } else {
            restarting[number] = handle
            plan += [.reportRestart(number, count: intensity.count), .start(number)]
        }
    }
}
