internal import Actors

/// What a scripted process can be told to do. Each step of a scenario is one line here.
extension Script {
    mutating func obey(_ words: [String], _ me: isolated Process<Input>) async throws {
        switch words[0] {
        case "plans": plans.append((words[1], Array(words[2...])))
        case "notes": saw("notes", words[1])
        case "helps": help(with: words[3], me)
        case "waits":
            saw("waits", "for", words[2], "gives", try await stage.cast[words[2]].pid.down().word)
        case "works": await stage.cast.latch(name).wait()
        case "hogs": stage.cast.latch(name).block()
        case "holds": isHolding = true
        case "reads": isHolding = false
        case "takes": try await takeOnly(words, me)
        case "spins":
            isSpinning = true
            me.send(.spin)
        case "rests": isSpinning = false
        case "sends" where words.last == "numbers":
            let last = Int(words[2]) ?? 0
            let receiver = stage.cast.process(words[1])
            for number in 1...last { receiver.send(.number(number, last: last)) }
        case "sends": send(words[2], to: words[1])
        case "casts":
            if case .server(let server) = stage.cast[words[1]] { server.cast(.init(from: name, word: words[2])) }
        case "calls": await call(words)
        case "reaches": await reach(words)
        case "mails": ServerAddress<ScriptedServer>(named: words[1]).cast(.init(from: name, word: words[2]))
        case "tells": if case .machine(let machine) = stage.cast[words[1]] { machine.send(.told(from: name, words[2])) }
        case "asks": await ask(words)
        case "answers": calls[words[1]]?(words[2])
        case "drops": calls[words[1]] = nil
        case "starts" where words[1] == "server":
            let options = Array(words[3...])
            stage.record.saw(
                name, await ScriptedServer.start(words[2], options, stage, linkedTo: me.pid, on: stage.scheduler))
        case "starts": startTimer(words, me)
        case "cancels":
            saw("cancels", words[1], timers[words[1]].flatMap { me.cancel($0) } == nil ? "too late" : "in time")
        case "registers", "unregisters", "looks": useNames(words, me)
        case "joins", "leaves", "lists", "watches": useGroups(words, me)
        default: try await signal(words, me)
        }
    }

    /// `a starts timer t ring after 30ms`, and `for b` at the end if it is another's.
    private mutating func startTimer(_ words: [String], _ me: isolated Process<Input>) {
        let (delay, message) = (Duration(word: words[5]), Input.timer(words[3]))
        if let other = words.value(of: "for"), case .process(let process) = stage.cast[other] {
            timers[words[2]] = me.sendAfter(delay, message, to: process)
        } else {
            timers[words[2]] = me.sendAfter(delay, message)
        }
    }

    /// What it has started calls it, and sends it the answer.
    private func help(with request: String, _ me: isolated Process<Input>) {
        Task {
            let answer = try? await me.call { .call(from: "helper", request, $0) }
            me.send(.mail(from: "helper", answer ?? "none"))
        }
    }

    // MARK: Signals

    private mutating func signal(_ words: [String], _ me: isolated Process<Input>) async throws {
        switch words[0] {
        case "traps": me.trapExits { .exit($0) }
        case "stops": me.stopTrappingExits()
        case "links": me.link(stage.cast[words[1]].pid)
        case "unlinks": me.unlink(stage.cast[words[1]].pid)
        case "monitors": monitors[me.monitor(stage.cast[words[1]].pid) { .down($0) }] = words[3]
        case "demonitors":
            for (reference, name) in monitors where name == words[1] {
                me.demonitor(reference, flush: words.contains("flushing"))
            }
        case "exits": stage.cast[words[1]].pid.exit(ExitReason(word: words[2]))
        case "fails": throw ExitReason(word: words[1])
        case "spawns": await spawn(words, me)
        default: preconditionFailure("\(name) cannot do this: \(words.joined(separator: " "))")
        }
    }

    /// `a spawns b linked`, `a spawns b monitored as m failing crash`, `a spawns b linked noting begun exited kill`.
    private mutating func spawn(_ words: [String], _ me: isolated Process<Input>) async {
        let child = words[1]
        let process: Process<Input>
        let options: [String]
        if words[2] == "linked" {
            options = Array(words[3...])
            process = me.spawnLink(on: place(options), label: child, Script.body(child, options, stage))
        } else {
            options = Array(words[5...])
            let spawned = me.spawnMonitor(on: place(options), label: child, Script.body(child, options, stage)) {
                .down($0)
            }
            monitors[spawned.monitor] = words[4]
            process = spawned.process
        }
        if let reason = options.value(of: "exited") { process.exit(ExitReason(word: reason)) }
        stage.cast.add(child, .process(process))
        // The witness comes too late for one that ends at once; what its parent is told is the point there.
        if options.isEmpty { await stage.watch(child, process.pid) }
    }

    /// One that is told to end before it has begun lives where its parent does, which knows by that that it has not.
    private func place(_ options: [String]) -> Scheduler? { options.contains("exited") ? nil : stage.scheduler }

    // MARK: Messages

    private func send(_ word: String, to receiver: String) {
        switch stage.cast[receiver] {
        case .process(let process): process.send(.mail(from: name, word))
        case .server(let server): server.send(.mail(from: name, word))
        case .machine(let machine): machine.send(info: .init(from: name, word: word))
        case .supervisor, .pool: preconditionFailure("\(receiver) takes no mail")
        }
    }

    private mutating func takeOnly(_ words: [String], _ me: isolated Process<Input>) async throws {
        let wanted = words[1]
        if let input = await me.receive(timeout: words.patience, where: { $0.isTaken(by: wanted) }) {
            try await take(input, ["takes"], me)
        } else if !Task.isCancelled {
            saw("takes", "nothing")
        }
    }

    private func call(_ words: [String]) async {
        if let answer = await answer(to: words) { saw("call", "to", words[1], words[2], "gives", answer) }
    }

    /// `a reaches bank request`: a call to whoever has the name.
    private func reach(_ words: [String]) async {
        let answer: String
        do {
            answer = try await ServerAddress<ScriptedServer>(named: words[1]).call {
                .ask(from: name, words[2], $0)
            }
        } catch {
            if Task.isCancelled { return }
            answer = (error as? CallError)?.word ?? "\(error)"
        }
        saw("reaches", words[1], words[2], "gives", answer)
    }

    private func ask(_ words: [String]) async {
        if let answer = await answer(to: words) { saw("asks", words[1], words[2], "and", "hears", answer) }
    }

    /// `nil` for one that has been told to end meanwhile: it sees nothing any more.
    private func answer(to words: [String]) async -> String? {
        do {
            return try await stage.cast[words[1]].call(from: name, words[2], words.patience ?? .seconds(5))
        } catch {
            return Task.isCancelled ? nil : (error as? CallError)?.word ?? "\(error)"
        }
    }

    // MARK: Names and groups

    private func useNames(_ words: [String], _ me: isolated Process<Input>) {
        let name = words[words.count - 1]
        switch words[0] {
        case "looks": saw(name, "is", Registry.whereis(name).map { stage.cast.name(of: $0) } ?? "nobody")
        case "unregisters": saw("unregisters", name, Registry.unregister(name) ? "succeeds" : "fails")
        default:
            let pid = words[1] == "as" ? me.pid : stage.cast[words[1]].pid
            let isRegistered = (try? Registry.register(pid, as: name)) != nil
            stage.record.saw(self.name, words + [isRegistered ? "succeeds" : "fails"])
        }
    }

    private func useGroups(_ words: [String], _ me: isolated Process<Input>) {
        let group = ProcessGroup<Input>(words[1])
        switch words[0] {
        case "joins": group.join(me)
        case "leaves": group.leave(me)
        case "watches":
            let name = words[1]
            _ = me.monitor(group) { .group(name, $0) }
        default:
            let members = group.members.map { stage.cast.name(of: $0.pid) }.sorted()
            stage.record.saw(name, [words[1], "has"] + (members.isEmpty ? ["nobody"] : members))
        }
    }
}
