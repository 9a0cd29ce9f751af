import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct RestartIntensityTests {
    @Test(arguments: 0..<4) func `every history of restarts is judged by those of the period (P18)`(allowed: Int) {
        let period: UInt64 = 5
        var wrong: [[UInt64]] = []
        // Histories of seven restarts, 0, 2, 5 or 6 after each other.
        for script in 0..<4 * 4 * 4 * 4 * 4 * 4 {
            var intensity = RestartIntensity(allowed: allowed, period: .nanoseconds(Int64(period)))
            var (times, now, left): ([UInt64], UInt64, Int) = ([], 100, script)
            for _ in 0..<7 {
                times.append(now)
                let recent = times.filter { now - $0 <= period }.count
                if intensity.add(at: now) != (recent > allowed) || intensity.count != recent { wrong.append(times) }
                now += [0, 2, 5, 6][left % 4]
                left /= 4
            }
        }
        #expect(wrong == [])
    }

    @Test func `a backoff doubles up to its most, and takes a random part of it (P18)`() {
        let backoff = RestartBackoff(first: .seconds(1), most: .seconds(5))
        #expect(
            (1...5).map { backoff.delay($0, 0.5) } == [
                .seconds(0.5), .seconds(1), .seconds(2), .seconds(2.5), .seconds(2.5),
            ])
        #expect(backoff.delay(1_000_000, 0) == .zero)
        #expect(RestartBackoff(first: .seconds(9), most: .seconds(5)).delay(1, 1) == .seconds(5))
    }
}
