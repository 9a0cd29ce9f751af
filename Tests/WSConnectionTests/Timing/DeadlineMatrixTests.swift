import Actors
import HansomTesting
import Testing

@testable import WSConnection

/// All five deadlines of a connection, in every order of their lengths, against a model that says when each must ring.
@Suite(.timeLimit(.minutes(5))) struct DeadlineMatrixTests {
    /// What a test does at a moment.
    enum Step: Hashable, Sendable {
        case talk, begin, more, end
        case stall, takeSome, takeAll
        case suspend, resume
        case fill, drain
        case idle(Int?)
        case close
    }

    /// What peer and program do, by the half second.
    struct Script: Sendable, CustomTestStringConvertible {
        var name: String
        var answersPings = false
        var steps: @Sendable (Int) -> Step?

        var testDescription: String { name }
    }

    static let scripts: [Script] = [
        Script(name: "silent") { _ in nil },
        Script(name: "answers pings", answersPings: true) { _ in nil },
        Script(name: "talks") { $0 % 3 == 1 ? .talk : nil },
        Script(name: "talks, then is silent") { $0 < 12 && $0 % 3 == 1 ? .talk : nil },
        Script(name: "dribbles a message", answersPings: true) { $0 == 1 ? .begin : $0 % 2 == 1 ? .more : nil },
        Script(name: "sends in pieces", answersPings: true) { [1: .begin, 2: .more, 4: .end][$0 % 6] },
        Script(name: "stops reading", answersPings: true) {
            [3: .stall, 6: .takeSome, 10: .takeSome, 15: .takeAll][$0]
        },
        Script(name: "stops reading and talks") { $0 == 3 ? .stall : $0 == 17 ? .takeAll : $0 % 3 == 1 ? .talk : nil },
        Script(name: "is suspended", answersPings: true) { [3: .suspend, 7: .talk, 17: .resume][$0] },
        Script(name: "is suspended in a message") { [1: .begin, 2: .suspend, 9: .more, 17: .resume, 19: .end][$0] },
        Script(name: "is not received") { [2: .fill, 18: .drain][$0] },
        Script(name: "is closed") { [5: .close, 8: .talk][$0] },
        Script(name: "is closed while suspended") { [2: .suspend, 5: .close, 8: .talk][$0] },
        Script(name: "changes its idle timeout", answersPings: true) {
            [3: .idle(9), 14: .idle(nil), 20: .idle(3)][$0]
        },
    ]

    static let matrix: [DeadlineModel.Settings] = {
        var all: [DeadlineModel.Settings] = []
        for interval in [nil, 2, 4, 6, 12] as [Int?] {
            for timeout in [nil, 2, 4, 6, 12] as [Int?] {
                for (idle, write, message) in [
                    (nil, nil, nil), (5, nil, nil), (10, 6, nil), (nil, 3, 4), (16, 7, 4), (3, 4, 8),
                ] as [(Int?, Int?, Int?)] {
                    all.append(
                        .init(
                            pingInterval: interval, pingTimeout: timeout, idleTimeout: idle, writeTimeout: write,
                            messageTimeout: message))
                }
            }
        }
        return all
    }()

    @Test(arguments: scripts)
    func `each deadline rings at its moment, whatever the others are (W8, W13, W14, W15, P21)`(script: Script) {
        for settings in DeadlineMatrixTests.matrix {
            for isServer in [true, false] {
                var run = Run(settings, script, isServer: isServer)
                guard run.goes(for: 36) else { return }
            }
        }
    }

    @Test(arguments: 0..<8)
    func `so it does in any order of events (W8, W13, W14, P21)`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<150 {
            func time(_ random: inout SplitMix) -> Int? {
                Bool.random(using: &random) ? .random(in: 1...12, using: &random) : nil
            }
            let settings = DeadlineModel.Settings(
                pingInterval: .random(in: 1...8, using: &random), pingTimeout: .random(in: 1...16, using: &random),
                idleTimeout: time(&random), writeTimeout: time(&random), messageTimeout: time(&random))
            let steps = RandomSteps(&random, count: 60)
            let words = steps.all.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            let script = Script(
                name: "\(steps.answersPings ? "answers pings; " : "")\(words)", answersPings: steps.answersPings
            ) { steps.all[$0] }
            var run = Run(settings, script, isServer: .random(using: &random))
            guard run.goes(for: 60) else { return }
        }
    }

    /// Steps that make sense one after the other.
    private struct RandomSteps {
        var all: [Int: Step] = [:]
        var answersPings: Bool

        init(_ random: inout SplitMix, count: Int) {
            answersPings = .random(using: &random)
            var (isMid, isStalled, isSuspended, isFull) = (false, false, false, false)
            for moment in 1..<count where Int.random(in: 0..<3, using: &random) == 0 {
                var possible: [Step] = isMid ? [.more, .more, .end] : [.talk, .talk, .begin]
                possible += isStalled ? [.takeSome, .takeAll] : [.stall]
                if !isFull { possible.append(isSuspended ? .resume : .suspend) }
                if !isSuspended { possible += isFull ? [.drain, .drain] : isMid ? [] : [.fill] }
                possible.append(.idle(Bool.random(using: &random) ? .random(in: 2...20, using: &random) : nil))
                if Int.random(in: 0..<20, using: &random) == 0 { possible.append(.close) }
                let step = possible[.random(in: possible.indices, using: &random)]
                switch step {
                case .begin: isMid = true
                case .end: isMid = false
                case .stall: isStalled = true
                case .takeAll: isStalled = false
                case .suspend: isSuspended = true
                case .resume: isSuspended = false
                case .fill: isFull = true
                case .drain: isFull = false
                case .talk, .more, .takeSome, .idle, .close: break
                }
                all[moment] = step
            }
        }
    }

    /// A connection and the model, side by side.
    private struct Run {
        let script: Script
        let settings: DeadlineModel.Settings
        let hand: ByHand
        let isServer: Bool
        var model: DeadlineModel
        /// What we have sent that is not a ping.
        var ownFrames = 0

        init(_ settings: DeadlineModel.Settings, _ script: Script, isServer: Bool) {
            self.script = script
            self.settings = settings
            self.isServer = isServer
            model = DeadlineModel(settings)
            var limits = WebSocket.Limits()
            limits.inboundMessages = 2
            hand = ByHand(
                isServer: isServer,
                ConnectionOptions(
                    limits: limits, closeTimeout: .milliseconds(500 * DeadlineModel.Settings.closeTimeout),
                    timing: settings.timing), capacity: 1000)
        }

        /// - Returns: whether the two agreed to the end.
        mutating func goes(for halves: Int) -> Bool {
            defer { hand.end() }
            for moment in 1...halves {
                hand.driven.advance(by: .milliseconds(500))
                model.advance()
                answer()
                if let step = script.steps(moment) { act(step) }
                answer()
                hand.driven.settle()
                guard agrees() else { return false }
            }
            return true
        }

        /// The peer takes what has come, unless it has stopped reading, and answers pings.
        private mutating func answer() {
            guard !model.isStalled else { return }
            for frame in hand.frames() where frame.opcode == 9 && script.answersPings {
                hand.send(Wire.frame(10, frame.payload, masked: isServer))
                hand.driven.settle()
                model.arrives(.pong)
            }
        }

        private mutating func act(_ step: Step) {
            switch step {
            case .talk: arrive(.whole, Wire.text("x", masked: isServer))
            case .begin: arrive(.begin, Wire.text("x", isFinal: false, masked: isServer))
            case .more: arrive(.more, Wire.more("y", isFinal: false, masked: isServer))
            case .end: arrive(.end, Wire.more("z", isFinal: true, masked: isServer))
            case .stall:
                guard model.state == .open else { return }
                hand.run { _ = $0.trySend(.binary([UInt8](repeating: 0, count: 2000))) }
                ownFrames += 1
                hand.driven.settle()
                model.stalls()
            case .takeSome:
                guard model.isStalled else { return }
                hand.take(100)
                hand.driven.settle()
                model.stalls()
            case .takeAll:
                guard model.isStalled else { return }
                while hand.take() > 0 { hand.driven.settle() }
                model.takesAll()
            case .suspend:
                hand.run { $0.setSuspended(true) }
                model.deafens()
            case .resume:
                hand.run { $0.setSuspended(false) }
                receiveAll()
                model.hears()
            case .fill:
                guard model.state == .open else { return }
                for _ in 0..<4 { hand.send(Wire.text("x", masked: isServer)) }
                hand.driven.settle()
                model.arrives(.whole)
                model.deafens(isFull: true)
            case .drain:
                receiveAll()
                model.hears()
            case .idle(let halves):
                hand.run { $0.setIdleTimeout(halves.map { .milliseconds(500 * $0) }) }
                hand.driven.settle()
                model.settings.idleTimeout = halves
                model.ring()
            case .close:
                hand.run { $0.beginClose(.normal) }
                model.close()
            }
        }

        private mutating func arrive(_ arrival: DeadlineModel.Arrival, _ bytes: [UInt8]) {
            hand.send(bytes)
            hand.driven.settle()
            if !model.isFull { receiveAll() }
            model.arrives(arrival)
        }

        private func receiveAll() {
            var hasMore = true
            while hasMore {
                hand.driven.settle()
                hasMore = hand.driven.run { hand.ws.messageAtOnce() != nil }
            }
        }

        private func agrees() -> Bool {
            let ws = hand.ws
            let pings = hand.run { Int($0.counters.framesSent) } - ownFrames
            let alarms = hand.driven.run { hand.driven.scheduler.alarmCount }
            var complaints: [String] = []
            if ws.state != model.state { complaints.append("is \(ws.state), must be \(model.state)") }
            if model.state == .open, pings != model.pings.count {
                complaints.append("has sent \(pings) pings, must have sent them at \(model.pings)")
            }
            if alarms > (model.state == .closed ? 0 : 1) { complaints.append("has \(alarms) alarms") }
            if model.state == .closed, let reason = model.reason, ws.closeReason != reason {
                complaints.append("ended for \(ws.closeReason ?? "-"), must end for \(reason)")
            }
            guard !complaints.isEmpty else { return true }
            Issue.record(
                "\(settings), \(isServer ? "server" : "client"), at \(model.now): \(complaints.joined(separator: "; ")): \(script.name)"
            )
            return false
        }
    }
}
