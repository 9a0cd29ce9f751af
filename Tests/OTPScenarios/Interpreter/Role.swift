internal import Actors

/// What somebody is.
enum Role: Sendable {
    case process(Process<Input>)
    case server(ServerProcess<ScriptedServer>)
    case machine(StateMachineProcess<ScriptedMachine>)
    case supervisor(RunningSupervisor)
    case pool(RunningDynamicSupervisor)

    var pid: PID {
        switch self {
        case .process(let process): process.pid
        case .server(let server): server.pid
        case .machine(let machine): machine.pid
        case .supervisor(let supervisor): supervisor.pid
        case .pool(let pool): pool.pid
        }
    }

    /// Returns when it has answered, behind all that reached it before, or has ended.
    func giveSignOfLife() async {
        // Whoever has its name now: it may be another one when the question has failed.
        let pid = pid
        do {
            switch self {
            case .process(let process): try await process.call(timeout: nil) { .ping($0) }
            case .server(let server): try await server.call(timeout: nil) { .ping($0) }
            // It is asked as `sys` asks: an event would end its event timeout.
            case .machine(let machine):
                if try await machine.state(timeout: nil) == nil { _ = await pid.downInAnyCase() }
            case .supervisor(let supervisor): _ = try await supervisor.children()
            case .pool(let pool): _ = try await pool.children()
            }
        } catch {
            _ = await pid.downInAnyCase()
        }
    }

    func call(from caller: String, _ request: String, _ patience: Duration) async throws -> String {
        switch self {
        case .process(let process): try await process.call(timeout: patience) { .call(from: caller, request, $0) }
        case .server(let server): try await server.call(timeout: patience) { .ask(from: caller, request, $0) }
        case .machine(let machine): try await machine.call(timeout: patience) { .asked(from: caller, request, $0) }
        case .supervisor, .pool: preconditionFailure("supervisors are not called")
        }
    }

    /// Asks it to end and waits until it has.
    func stop(_ reason: ExitReason) async {
        switch self {
        case .process(let process):
            process.exit(reason)
            _ = await process.pid.downInAnyCase()
        case .server(let server): await server.stop(reason)
        case .machine(let machine): await machine.stop(reason)
        case .supervisor(let supervisor): await supervisor.stop()
        case .pool(let pool): await pool.stop()
        }
    }
}
