/// What `hansom top` is sent: the JSON of a `SystemSnapshot`.
struct TopSnapshot: Decodable {
    struct Scheduler: Decodable {
        let index: Int
        let processCount: Int
        let runQueueLength: Int
        let jobsRun: UInt64
        let busyTime: UInt64
        let longestJob: UInt64
        let deadLetters: UInt64
        let messagesDropped: UInt64
        let zombies: Int
    }

    struct Process: Decodable {
        let pid: UInt64
        let names: [String]
        let label: String?
        let kind: String
        let detail: String?
        let parent: UInt64?
        let scheduler: Int
        let state: String
        let mailboxLength: Int
        let messagesHandled: UInt64
        let age: UInt64

        /// What it is called: a name, its label, or what it is; and what tells it from its like.
        var title: String { (names.first ?? label ?? kind) + (detail.map { " \($0)" } ?? "") }
    }

    let takenAt: UInt64
    let processCount: Int
    let schedulers: [Scheduler]
    let processes: [Process]
}
