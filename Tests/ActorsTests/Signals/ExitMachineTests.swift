import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct ExitMachineTests {
    private typealias Decision = ExitMachine.Decision

    static let reasons: [ExitReason] = [
        .normal, .shutdown, .shutdown("detail"), .kill, .killed, .noProcess, .error(Failure()),
    ]

    /// What the reference manual says of a process that runs.
    private func expected(_ reason: ExitReason, _ source: ExitMachine.Source, traps: Bool) -> Decision {
        switch (reason.kind, source) {
        case (.kill, .request), (.kill, .oneself), (.kill, .runtime): .die
        case (_, .runtime): .exit
        case _ where traps: .deliver
        case (.normal, .request), (.normal, .link): .ignore
        default: .exit
        }
    }

    @Test(arguments: [false, true], ExitMachine.Source.allCases)
    func `every signal does to a process what OTP says (P4, P6)`(traps: Bool, source: ExitMachine.Source) {
        for reason in Self.reasons {
            var machine = ExitMachine()
            machine.trapsExits = traps
            let decision = machine.receive(reason, from: source)
            #expect(decision == expected(reason, source, traps: traps), "\(reason)")
            #expect(machine.isRunning == (decision != .exit))
            #expect(!machine.isDead)
        }
    }

    @Test func `one that is exiting listens to nothing but a kill, one that is dead to nothing (P4)`() {
        for first in Self.reasons where first.kind != .kill && first.kind != .normal {
            for second in Self.reasons {
                for source in ExitMachine.Source.allCases {
                    var machine = ExitMachine()
                    let kills = second.kind == .kill && source != .link
                    let decisions = [machine.receive(first, from: .request), machine.receive(second, from: source)]
                    #expect(decisions == [.exit, kills ? .die : .ignore])
                    #expect(machine.reason?.kind == first.kind, "the first reason stands")
                    let ends = [machine.end(.killed), machine.end(.normal)]
                    #expect(ends == [true, false], "it ends once")
                    let late = machine.receive(second, from: source)
                    #expect(late == .ignore)
                    #expect(machine.reason?.kind == .killed)
                }
            }
        }
    }

    @Test func `it has failed by itself unless others made it end`() {
        for (source, isOwn) in [
            (ExitMachine.Source.oneself, true), (.runtime, true), (.request, false), (.link, false),
        ] {
            var machine = ExitMachine()
            #expect(machine.endsByItself)
            _ = machine.receive(.error(Failure()), from: source)
            #expect(machine.endsByItself == isOwn)
        }
    }
}
