/// What a dynamic supervisor decides, as a value. Its children have numbers, since they have no names.
struct DynamicMachine<Handle: Hashable & Sendable>: Sendable {
    enum Step: Hashable, Sendable {
        case start(Int)
        case reportRestart(Int, count: Int)
        case reportGiveUp(Int)
        /// Too many restarts: every child is to be stopped, and the supervisor ends.
        case giveUp
    }

    let restart: Child.Restart
    let maxChildren: Int
    private(set) var running: [Handle: Int] = [:]
    /// Those that could not be started again and will be tried once more.
    private(set) var restarting: Set<Int> = []
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
        restarting.remove(number)
        running[handle] = number
    }

    /// A child that was to be started again could not be.
    mutating func restartFailed(_ number: Int, now: UInt64) { startAgain(number, now: now) }

    /// A child has ended by itself.
    ///
    /// - Returns: its number, if it is forgotten now.
    mutating func exited(_ handle: Handle, _ reason: ExitReason, now: UInt64) -> Int? {
        guard let number = running.removeValue(forKey: handle) else { return nil }
        guard restart == .permanent || (restart == .transient && !reason.isOrderly) else { return number }
        startAgain(number, now: now)
        return nil
    }

    /// A child is stopped for good. Its number, if it is there.
    mutating func terminated(_ handle: Handle) -> Int? { running.removeValue(forKey: handle) }

    private mutating func startAgain(_ number: Int, now: UInt64) {
        if intensity.add(at: now) {
            restarting.remove(number)
            plan = [.reportGiveUp(number), .giveUp]
        } else {
            restarting.insert(number)
            plan += [.reportRestart(number, count: intensity.count), .start(number)]
        }
    }
}
