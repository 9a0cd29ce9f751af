/// Which connections are told goodbye when, as a value: it knows no clock and draws no random numbers.
struct DrainPlan: Sendable {
    /// One step: these are told now, and after the pause comes the next step, if there is one.
    struct Step: Equatable {
        let told: Range<Int>
        let pause: Duration?
    }

    private let count: Int
    private let batch: Int
    private let pause: Duration
    private var told = 0

    /// - Parameters:
    ///   - count: how many connections there are.
    ///   - deadline: when what is left is forced. The last step comes before half of that time has passed.
    init(telling count: Int, within deadline: Duration, _ options: DrainOptions) {
        self.count = count
        // Any number may be asked for, the largest there is too.
        let most = min(options.batch, max(count, 1))
        let batches = (count + most - 1) / most
        let pauses = batches - 1
        // A pause is at most one and a half times its mean.
        let longest = pauses > 0 ? deadline / 2 / pauses * 2 / 3 : .zero
        pause = max(.zero, min(options.pause, longest))
        // Where there is no time for pauses there is one step.
        batch = pause == .zero ? max(count, 1) : most
    }

    /// - Parameter chance: evenly distributed from 0 to 1.
    /// - Returns: `nil` when all have been told.
    mutating func next(chance: Double) -> Step? {
        guard told < count else { return nil }
        let end = min(told + batch, count)
        defer { told = end }
        return Step(told: told..<end, pause: end < count ? pause * (0.5 + chance) : nil)
    }
}
