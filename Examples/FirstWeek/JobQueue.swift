// A queue of jobs: some are done at a time, and one that fails is tried again after a while, which is longer each time.

import Actors

struct JobQueue: Server {
    typealias Work = @Sendable (_ attempt: Int) async throws -> String
    enum Call: Sendable { case run(Job) }
    enum Info: Sendable { case done(Job, Result<String, any Error>) }

    struct Job: Sendable {
        let work: Work
        let reply: Reply<String>
        var attempt = 1
    }

    let limit, attempts: Int
    let backoff: Duration
    let jobs = RunningDynamicSupervisor(named: "jobs")
    var waiting: [Job] = []
    var running = 0

    /// Has `work` done, which is given the number of the attempt, and returns what came of it.
    static func run(_ work: @escaping Work) async throws -> String {
        try await ServerAddress<JobQueue>(named: "queue").call { .run(Job(work: work, reply: $0)) }
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        if case .run(let job) = call { waiting.append(job) }
        try await startJobs(me)
        return .receive
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        running -= 1
        switch info {
        case .done(let job, .success(let result)): job.reply(result)
        case .done(let job, .failure(let error)) where job.attempt == attempts: job.reply.fail(error)
        case .done(let job, .failure):
            let next = Job(work: job.work, reply: job.reply, attempt: job.attempt + 1)
            me.sendAfter(backoff * (1 << (job.attempt - 1)), .call(.run(next)))
        }
        try await startJobs(me)
        return .receive
    }

    private mutating func startJobs(_ me: isolated Me) async throws {
        while running < limit, !waiting.isEmpty {
            let job = waiting.removeFirst()
            let task = try await jobs.start { ProcessTask.spawn { try await job.work(job.attempt) } }
            me.monitorResult(of: task) { .info(.done(job, $0)) }
            running += 1
        }
    }
}

func jobQueue() async throws {
    enum Failure: String, Error { case busy, diskFull }

    _ = try await Supervisor(.oneForAll) {
        DynamicSupervisor(name: "jobs")
        Child("queue") { try await JobQueue(limit: 2, attempts: 3, backoff: .milliseconds(1)).started(name: "queue") }
    }.start()

    let jobs: KeyValuePairs<String, JobQueue.Work> = [
        "mail": { _ in "sent" },
        "import": { attempt in if attempt < 3 { throw Failure.busy } else { "read at attempt \(attempt)" } },
        "report": { _ in throw Failure.diskFull },
        "backup": { attempt in if attempt < 2 { throw Failure.busy } else { "written at attempt \(attempt)" } },
    ]

    // All are handed in at once.
    let tasks = jobs.map { name, work in (name, ProcessTask.spawn { try await JobQueue.run(work) }) }
    for (name, task) in tasks {
        switch await task.result {
        case .success(let result): print("\(name): \(result)")
        case .failure(let error): print("\(name): given up: \(error)")
        }
    }
}
