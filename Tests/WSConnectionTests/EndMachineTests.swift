import Testing

@testable import WSConnection

/// The end of a connection as a table: each entry by itself, and every order in which things can happen.
@Suite(.timeLimit(.minutes(2))) struct EndMachineTests {
    typealias Step = EndMachine.Step
    typealias Stage = EndMachine.Stage

    /// What can happen; events of the machine without their values.
    enum Happening: String, CaseIterable, Sendable {
        case closeSent, writeFailed, closed, violated, written, endOfStream, broken, lost, handlerBegan, handlerEnded,
            abandoned
    }

    private static func event(_ happening: Happening, _ outcome: Boxed<WebSocket.Outcome>) -> EndMachine.Event {
        switch happening {
        case .closeSent: .closeSent
        case .writeFailed: .writeFailed
        case .closed, .violated: .ended(outcome)
        case .written: .written
        case .endOfStream: .inputEnded(isBroken: false, outcome)
        case .broken: .inputEnded(isBroken: true, outcome)
        case .lost: .lost(outcome)
        case .handlerBegan: .handlerBegan
        case .handlerEnded: .handlerEnded
        case .abandoned: .abandoned
        }
    }

    private static func outcome(_ happening: Happening) -> Boxed<WebSocket.Outcome> {
        happening == .closed
            ? Boxed(.closed(.init(code: .normal))) : Boxed(.failed(WebSocketError(.connectionLost, happening.rawValue)))
    }

    // MARK: The table

    /// How a stage is reached.
    private static func way(to stage: Stage) -> [Happening] {
        switch stage {
        case .open: []
        case .openMute: [.writeFailed]
        case .closing: [.closeSent]
        case .closingMute: [.closeSent, .writeFailed]
        case .finishing: [.violated]
        case .finishingAlone: [.violated, .endOfStream]
        case .draining: [.violated, .written]
        case .released: [.handlerBegan, .lost]
        case .over: [.lost]
        }
    }

    /// What stands in the table, for a connection without a handler; what is not here does nothing.
    private static let table: [Stage: [Happening: (Stage, [Step])]] = {
        let end: (Stage, [Step]) = (.over, [.tell, .release, .endProcess])
        let mute: [Step] = [.announce, .failSenders, .armDeadline, .decodeOn]
        let finish: (Stage, [Step]) = (.finishing, [.announce, .armDeadline, .flush])
        let handOver: (Stage, [Step]) = (.over, [.handOver])
        let cut: [Happening: (Stage, [Step])] = [.endOfStream: end, .broken: end, .lost: end, .abandoned: handOver]
        func and(_ more: [Happening: (Stage, [Step])]) -> [Happening: (Stage, [Step])] { cut.merging(more) { $1 } }
        return [
            .open: and([
                .closeSent: (.closing, [.announce, .armDeadline, .flush, .failSenders, .discardInput]),
                .writeFailed: (.openMute, mute), .closed: finish, .violated: finish,
            ]),
            .openMute: and([.writeFailed: (.openMute, mute), .closed: end, .violated: end]),
            .closing: and([.writeFailed: (.closingMute, mute), .closed: finish, .violated: finish]),
            .closingMute: and([.writeFailed: (.closingMute, mute), .closed: end, .violated: end]),
            .finishing: and([
                .writeFailed: end, .written: (.draining, [.shutWrite, .tell]),
                .endOfStream: (.finishingAlone, [.stopReading]),
            ]),
            .finishingAlone: and([
                .writeFailed: end, .written: (.over, [.shutWrite, .tell, .release, .endProcess]),
                .endOfStream: (.finishingAlone, []),
            ]),
            .draining: [
                .writeFailed: (.over, [.release, .endProcess]), .endOfStream: (.over, [.release, .endProcess]),
                .broken: (.over, [.release, .endProcess]), .lost: (.over, [.release, .endProcess]),
                .abandoned: handOver,
            ],
            .released: [.handlerEnded: (.over, [.endProcess]), .abandoned: (.over, [.endProcess])],
            .over: [:],
        ]
    }()

    @Test(arguments: Stage.allCases, [true, false])
    func `each entry of the table is what the machine does (W8, W20, W27)`(stage: Stage, isServer: Bool) {
        for happening in Happening.allCases {
            var machine = EndMachine(isServer: isServer)
            for step in EndMachineTests.way(to: stage) {
                _ = machine.take(EndMachineTests.event(step, EndMachineTests.outcome(step)))
            }
            #expect(machine.stage == stage)
            let steps = machine.take(EndMachineTests.event(happening, EndMachineTests.outcome(happening)))
            let (next, expected) = EndMachineTests.table[stage]?[happening] ?? (stage, [])
            #expect(machine.stage == next, "\(happening)")
            #expect(steps == expected, "\(happening)")
        }
    }

    @Test(arguments: [(true, [Step.tell, .release, .endProcess], Stage.over), (false, [.tell], .draining)])
    func `when both have said close, a server drops TCP first and a client waits for that (W8)`(
        isServer: Bool, steps: [Step], stage: Stage
    ) {
        var machine = EndMachine(isServer: isServer)
        _ = machine.take(.ended(EndMachineTests.outcome(.closed)))
        #expect(machine.take(.written) == steps)
        #expect(machine.stage == stage)
    }

    // MARK: Every order

    /// One way through the machine, and what has been done on it.
    private struct Walk {
        var machine: EndMachine
        var path: [Happening] = []
        var (told, closed, processEnds) = (0, 0, 0)
        /// The first that was said of how it ended.
        var first: Boxed<WebSocket.Outcome>?
        var handlerRuns = false
        var isAbandoned = false

        init(isServer: Bool) { machine = EndMachine(isServer: isServer) }

        /// - Returns: what is wrong, if anything.
        mutating func take(_ happening: Happening) -> String? {
            path.append(happening)
            let before = machine.stage
            let outcome = EndMachineTests.outcome(happening)
            let steps = machine.take(EndMachineTests.event(happening, outcome))
            if first == nil, machine.outcome === outcome { first = outcome }
            if happening == .handlerBegan { handlerRuns = true }
            if happening == .handlerEnded { handlerRuns = false }
            if happening == .abandoned { isAbandoned = true }
            if before == .over, !steps.isEmpty || machine.stage != .over { return "something is done after the end" }
            if before == .released, steps.contains(where: { $0 != .endProcess }) {
                return "the stream is used after its end"
            }
            for step in steps {
                if closed > 0, step != .endProcess { return "\(step) after the stream was closed" }
                if let wrong = note(step, happening, before) { return wrong }
            }
            return wrongNow
        }

        private mutating func note(_ step: Step, _ happening: Happening, _ before: Stage) -> String? {
            switch step {
            case .tell:
                told += 1
                let isOwed = before == .finishing || before == .finishingAlone
                let isCut = [.writeFailed, .endOfStream, .broken, .lost].contains(happening)
                if isOwed, happening != .written, !isCut { return "told before the last frame was written" }
                if machine.outcome == nil { return "told of nothing" }
            case .release:
                closed += 1
                if told != 1 { return "closed before all were told" }
            case .handOver:
                closed += 1
                processEnds += 1
            case .endProcess:
                processEnds += 1
                if handlerRuns, happening != .abandoned { return "the process ends under its handler" }
                if closed != 1 { return "the process ends before its stream" }
            case .announce, .armDeadline, .flush, .failSenders, .discardInput, .decodeOn, .stopReading, .shutWrite:
                break
            }
            return nil
        }

        private var wrongNow: String? {
            if told > 1 { return "told twice" }
            if closed > 1 { return "closed twice" }
            if processEnds > 1 { return "the process ended twice" }
            if machine.outcome !== first { return "what ended it first does not count" }
            if machine.isReleased != (closed == 1) { return "released and not closed, or closed and not released" }
            if (machine.stage == .over) != (processEnds == 1) { return "over, and the process has not ended" }
            let isKnown = machine.isFinishing || told == 1
            if !isAbandoned, isKnown != (machine.outcome != nil) {
                return "how it ended is known too early or too late"
            }
            if !isAbandoned, machine.isReleased, told != 1 { return "released, and nobody was told" }
            return nil
        }
    }

    @Test(arguments: [true, false])
    func
        `in every order: closed once, told once and not before the last frame, the process ended once, nothing after (W11, W20, W27)`(
            isServer: Bool
        )
    {
        var count = 0
        var seen: Set<Stage> = []
        func walk(_ from: Walk, _ depth: Int) -> String? {
            seen.insert(from.machine.stage)
            for happening in Happening.allCases {
                var next = from
                count += 1
                if let wrong = next.take(happening) { return "\(wrong): \(next.path)" }
                // Behind the end each event is looked at once, which is enough: nothing changes there.
                guard depth > 1, from.machine.stage != .over else { continue }
                if let wrong = walk(next, depth - 1) { return wrong }
            }
            return nil
        }
        #expect(walk(Walk(isServer: isServer), 6) == nil)
        #expect(seen == Set(Stage.allCases))
        #expect(count > 100_000)
    }

    @Test(arguments: Stage.allCases, [true, false])
    func `from wherever it stands, a deadline and the end of the handler bring it to its end (W20)`(
        stage: Stage, hasHandler: Bool
    ) {
        var walk = Walk(isServer: true)
        if hasHandler, stage != .released { #expect(walk.take(.handlerBegan) == nil) }
        for happening in EndMachineTests.way(to: stage) + [.lost, .handlerEnded] {
            #expect(walk.take(happening) == nil)
        }
        #expect(walk.machine.stage == .over)
        #expect((walk.told, walk.closed, walk.processEnds) == (1, 1, 1))
    }
}
