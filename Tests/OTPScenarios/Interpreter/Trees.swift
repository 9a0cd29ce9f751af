internal import Actors

/// Supervisors as a scenario declares them:
///
///     supervisor top one_for_one restarts 1 in 5s auto any
///       child a transient significant
struct Trees: Sendable {
    let stage: Stage

    func start(_ step: Scenario.Step) async {
        let name = step.words[1]
        do {
            if step.words[0] == "pool" {
                stage.cast.add(name, .pool(try await pool(step).start(on: stage.scheduler)))
            } else {
                stage.cast.add(name, .supervisor(try await supervisor(step).start(on: stage.scheduler)))
            }
            await stage.watch(name, stage.cast[name].pid)
            stage.record.saw("outside", [name, "starts"])
        } catch let error as SupervisorError where error.code == .badSpecification {
            stage.record.saw("outside", [name, "is", "rejected"])
        } catch {
            stage.record.saw("outside", [name, "cannot", "start"] + error.words)
        }
    }

    // MARK: Specifications

    private func supervisor(_ step: Scenario.Step) -> Supervisor {
        let (name, options) = (step.words[1], Array(step.words[3...]))
        let limits = Limits(options)
        return Supervisor(
            Supervisor.Strategy(word: step.words[2]), id: name, maxRestarts: limits.maxRestarts, period: limits.period,
            autoShutdown: Supervisor.AutoShutdown(options), restart: Child.Restart(options),
            significant: options.contains("significant")
        ) {
            for child in step.below {
                switch child.words[0] {
                case "child": self.child(child.words[1], of: name, Array(child.words[2...]))
                case "nested": supervisor(child)
                case "dynamic": dynamic(child)
                default: observed(child)
                }
            }
        }
    }

    /// A supervisor as a child that the log sees.
    private func observed(_ step: Scenario.Step) -> Child {
        let name = step.words[1]
        return Child(
            name, restart: Child.Restart(step.words), shutdown: .infinity,
            significant: step.words.contains("significant")
        ) {
            let running = try await supervisor(step).start(on: stage.scheduler)
            stage.cast.add(name, .supervisor(running))
            await stage.watch(name, running.pid, isChild: true)
            return running
        }
    }

    /// A dynamic supervisor as a child, which is reached by its name.
    private func dynamic(_ step: Scenario.Step) -> Child {
        let name = step.words[1]
        return Child(name, restart: Child.Restart(step.words), shutdown: .infinity) {
            let running = try await pool(step).start(name: name)
            stage.cast.add(name, .pool(RunningDynamicSupervisor(named: name)))
            await stage.watch(name, running.pid, isChild: true)
            return running
        }
    }

    private func child(_ name: String, of supervisor: String, _ options: [String]) -> Child {
        let (restart, shutdown) = (Child.Restart(options), Child.Shutdown(options))
        let isSignificant = options.contains("significant")
        if options.contains("server") {
            return Child(name, restart: restart, shutdown: shutdown, significant: isSignificant) {
                try await ScriptedServer.startChild(name, options, stage)
            }
        }
        return Child(name, restart: restart, shutdown: shutdown, significant: isSignificant) {
            try await startChild(name, of: supervisor, options)
        }
    }

    private func startChild(_ name: String, of supervisor: String, _ options: [String]) async throws -> Process<Input> {
        let start = stage.cast.countStart(name)
        if let reason = options.value(of: "failing"), fails(at: start, options) {
            if options.contains("held") {
                stage.record.saw("log", [name, "waits", "to", "start"])
                await stage.cast.newLatch(name).wait()
            }
            // What ended before has been seen by now.
            await stage.settle()
            stage.record.saw("log", [name, "fails", "to", "start", reason])
            throw ExitReason(word: reason)
        }
        let process = Process<Input>.spawn(
            on: stage.scheduler(options), label: name, Script.childBody(name, of: supervisor, options, stage))
        stage.cast.add(name, .process(process))
        await stage.watch(name, process.pid, isChild: true)
        return process
    }

    private func fails(at start: Int, _ options: [String]) -> Bool {
        guard let numbers = options.value(of: "at") else { return true }
        return numbers.split(separator: ",").contains { Int($0) == start }
    }

    private func pool(_ step: Scenario.Step) -> DynamicSupervisor {
        let options = Array(step.words[2...])
        let limits = Limits(options)
        return DynamicSupervisor(
            restart: Child.Restart(options), shutdown: Child.Shutdown(options), maxRestarts: limits.maxRestarts,
            period: limits.period)
    }

    // MARK: Management

    /// `top terminates a` and the like: what is done, and what came of it.
    func manage(_ name: String, _ words: [String]) async {
        let outcome: [String]
        do {
            switch stage.cast[name] {
            case .supervisor(let supervisor): outcome = try await manage(supervisor, name, words)
            case .pool(let pool): outcome = try await manage(pool, name, words)
            case .process, .server, .machine: preconditionFailure("\(name) is no supervisor")
            }
        } catch {
            outcome = ["fails"] + error.words.suffix(1)
        }
        stage.record.saw(name, words + outcome)
    }

    private func manage(_ supervisor: RunningSupervisor, _ name: String, _ words: [String]) async throws -> [String] {
        switch words[0] {
        case "adds":
            do {
                try await supervisor.start(child: child(words[1], of: name, Array(words[2...])))
            } catch let error as SupervisorError where error.code == .alreadyRunning {
                return ["fails", "already_started"]
            }
        case "terminates": try await supervisor.terminate(words[1])
        case "restarts": try await supervisor.restart(words[1])
        case "deletes": try await supervisor.delete(words[1])
        case "lists": return (try await supervisor.children()).map(\.word).sortedOrNobody
        default: return (try await supervisor.count()).words
        }
        return ["succeeds"]
    }

    private func manage(_ pool: RunningDynamicSupervisor, _ name: String, _ words: [String]) async throws -> [String] {
        switch words[0] {
        case "adds":
            let options = Array(words[2...])
            if options.contains("server") {
                try await pool.start { try await ScriptedServer.startChild(words[1], options, stage) }
            } else {
                try await pool.start { try await startChild(words[1], of: name, options) }
            }
        case "terminates": try await pool.terminate(stage.cast[words[1]].pid)
        case "lists": return (try await pool.children()).map { stage.cast.name(of: $0) }.sortedOrNobody
        default: return ["active:\(try await pool.count())"]
        }
        return ["succeeds"]
    }
}
