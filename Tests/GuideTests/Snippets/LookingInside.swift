import Actors
import WSServer

func takeSnapshot() async -> Int {
    // guide: snapshot
    let snapshot = await SystemSnapshot.take()
    for process in snapshot.processes where process.mailboxLength > 100 { print(process) }
    for scheduler in snapshot.schedulers { print(scheduler.index, scheduler.busyTime, scheduler.runQueueLength) }
    // end
    return snapshot.schedulers.count
}

func openForTop(_ path: String) async throws -> WebSocketServer {
    // guide: inspection
    let inspection = try await WebSocketServer.serveSnapshots(unixPath: path)
    // end
    return inspection
}

func report() throws -> SchedulerGroup {
    // guide: reports
    let settings = SystemSettings(mailboxWarning: 1_000, longJob: .milliseconds(20)) { event in
        switch event {
        case .crash(let crash):
            print("\(crash.process) crashed: \(crash.reason)", crash.handling ?? "", crash.state ?? "", crash.ancestors)
        case .longJob(let job): print("\(job.process.map { "\($0)" } ?? "somebody") ran for \(job.duration)")
        default: SystemLog.report(event)
        }
    }
    let group = try SchedulerGroup(options: .init(system: settings))
    // end
    return group
}

func lookAt(_ worker: Process<Int>) {
    // guide: system
    worker.trace(only: [.taken, .handled], atMost: 1_000, for: .seconds(60), where: { $0 < 0 }) { event in
        print(event.kind, event.message)
    }
    worker.pid.suspend()
    worker.send(1)
    worker.pid.resume()
    // end
}
