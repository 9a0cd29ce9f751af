import Testing

@testable import WSConnection

/// The machine by itself: times in, what is due out.
@Suite(.timeLimit(.minutes(2))) struct DeadlinesTests {
    private static let second: UInt64 = 1_000_000_000
    private let all = Timing(
        pingInterval: .seconds(20), pingTimeout: .seconds(10), idleTimeout: .seconds(120), writeTimeout: .seconds(30),
        messageTimeout: .seconds(5))

    private func begun(_ timing: Timing) -> Deadlines {
        var deadlines = Deadlines()
        deadlines.begin(at: 0, timing)
        return deadlines
    }

    private func expect(
        _ deadlines: Deadlines, _ timing: Timing, isReading: Bool = true, _ due: Deadlines.Due?, at seconds: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let next = deadlines.next(timing, isReading: isReading)
        #expect(next?.due == due, sourceLocation: sourceLocation)
        if due != nil { #expect(next?.at == seconds * DeadlinesTests.second, sourceLocation: sourceLocation) }
    }

    private func time(_ seconds: UInt64) -> UInt64 { seconds * DeadlinesTests.second }

    @Test func `what each connection holds for it stays small (W13, W20)`() {
        #expect(MemoryLayout<Deadlines>.size <= 64)
        #expect(MemoryLayout<PublishedState>.size <= 16)
    }

    @Test func `nothing is due where nothing is asked for (W13, W14)`() {
        var deadlines = begun(Timing())
        expect(deadlines, Timing(), nil)
        deadlines.stalled(at: 5)
        deadlines.follow(isMidMessage: true, number: 1, at: 5)
        expect(deadlines, Timing(), nil)
        expect(deadlines, Timing(), isReading: false, nil)
    }

    @Test func `a ping is due each interval, and then its pong; any bytes are as good as one (W13)`() {
        var deadlines = begun(all)
        expect(deadlines, all, .ping, at: 20)
        deadlines.heard(at: time(19))
        expect(deadlines, all, .ping, at: 20)
        deadlines.pinged(at: time(20))
        expect(deadlines, all, .pong, at: 30)
        deadlines.heard(at: time(20))
        expect(deadlines, all, .ping, at: 40)
    }

    @Test func `pings go on while a pong is awaited, and its time counts from the first of them (W13)`() {
        let timing = Timing(pingInterval: .seconds(1), pingTimeout: .seconds(3))
        var deadlines = begun(timing)
        for second in 1...3 as ClosedRange<UInt64> {
            expect(deadlines, timing, .ping, at: second)
            deadlines.pinged(at: time(second))
        }
        expect(deadlines, timing, .pong, at: 4)
        deadlines.heard(at: time(3))
        expect(deadlines, timing, .ping, at: 4)
    }

    @Test func `without a time for the pong pings go on, unanswered as they are (W13)`() {
        let timing = Timing(pingInterval: .seconds(20))
        var deadlines = begun(timing)
        deadlines.pinged(at: time(20))
        expect(deadlines, timing, .ping, at: 40)
    }

    @Test func `while we do not read, the peer's silence is ours; then it has all its time again (W5, W13)`() {
        var deadlines = begun(all)
        deadlines.pinged(at: time(20))
        deadlines.follow(isMidMessage: true, number: 1, at: time(20))
        expect(deadlines, all, isReading: false, nil)
        deadlines.readsAgain(at: time(500))
        expect(deadlines, all, .ping, at: 40)
        deadlines.pinged(at: time(500))
        expect(deadlines, all, .message, at: 505)
        deadlines.follow(isMidMessage: false, number: 1, at: time(500))
        expect(deadlines, all, .pong, at: 510)
    }

    @Test func `while the peer takes nothing no ping could reach it, and the write has its deadline (W13, W14)`() {
        var deadlines = begun(all)
        deadlines.pinged(at: time(20))
        deadlines.stalled(at: time(21))
        expect(deadlines, all, .write, at: 51)
        deadlines.stalled(at: time(40))
        expect(deadlines, all, .write, at: 70)
        deadlines.flows()
        expect(deadlines, all, .ping, at: 40)
    }

    @Test func `silence counts from the last byte, and the limit may be moved (W14)`() {
        let timing = Timing(idleTimeout: .seconds(120))
        var deadlines = begun(timing)
        deadlines.pinged(at: time(60))
        deadlines.heard(at: time(1))
        expect(deadlines, timing, .idle, at: 121)
        deadlines.idleTimeout = time(10)
        expect(deadlines, timing, .idle, at: 11)
        deadlines.idleTimeout = Timing.never
        expect(deadlines, timing, nil)
    }

    @Test func `each message in pieces has its own time (W14)`() {
        let timing = Timing(messageTimeout: .seconds(5))
        var deadlines = begun(timing)
        deadlines.follow(isMidMessage: true, number: 1, at: time(1))
        deadlines.follow(isMidMessage: true, number: 1, at: time(4))
        expect(deadlines, timing, .message, at: 6)
        deadlines.follow(isMidMessage: true, number: 2, at: time(5))
        expect(deadlines, timing, .message, at: 10)
        deadlines.follow(isMidMessage: false, number: 2, at: time(6))
        expect(deadlines, timing, nil)
    }

    @Test func `once it closes that is the only deadline, and nobody puts it off (W8)`() {
        var deadlines = begun(all)
        deadlines.close(by: time(90))
        deadlines.close(by: time(95))
        deadlines.heard(at: time(89))
        expect(deadlines, all, .close, at: 90)
        expect(deadlines, all, isReading: false, .close, at: 90)
    }

    @Test func `times without end do not overflow (W14)`() {
        let endless = Timing(pingInterval: .seconds(Int64.max), idleTimeout: .seconds(Int64.max))
        var deadlines = begun(endless)
        deadlines.heard(at: .max - 1)
        deadlines.pinged(at: .max - 1)
        expect(deadlines, endless, nil)
    }

    @Test func `a time of nothing is refused, by its name (W13, W14)`() {
        let bad = [
            Timing(pingInterval: .zero), Timing(pingTimeout: .seconds(-1)), Timing(idleTimeout: .zero),
            Timing(writeTimeout: .zero), Timing(messageTimeout: .zero),
        ]
        for (timing, name) in zip(
            bad, ["pingInterval", "pingTimeout", "idleTimeout", "writeTimeout", "messageTimeout"])
        {
            let error = #expect(throws: WebSocketError.self) { try timing.check() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(name) == true)
        }
    }
}
