/// What `hansom top` shows of a snapshot, and of the time since the one before.
struct TopScreen {
    let now: TopSnapshot
    let before: TopSnapshot?

    /// The lines of the screen.
    ///
    /// - Parameters:
    ///   - rows: how many processes at most; `nil`: as many as there is room for.
    ///   - size: what there is room for; `nil`: for everything. Schedulers may take a half of it.
    func lines(rows: Int?, within size: Size? = nil) -> [String] {
        guard let size else { return [summary, ""] + schedulerLines(.max) + [""] + processLines(rows ?? .max) }
        let schedulers = schedulerLines(max(1, size.height / 2 - 3))
        let left = size.height - 2 - schedulers.count - 2
        // The line that says how many are left out takes the place of one.
        let room = now.processCount > left || (rows ?? .max) < left ? left - 1 : left
        let lines = [summary, ""] + schedulers + [""] + processLines(max(0, min(rows ?? .max, room)))
        return lines.prefix(size.height).map { Column.cut($0, to: size.width) }
    }

    /// Lines and columns of a terminal.
    struct Size: Equatable {
        let height: Int
        let width: Int
    }

    /// Seconds since the snapshot before.
    private var seconds: Double? {
        guard let before, now.takenAt > before.takenAt else { return nil }
        return Double(now.takenAt - before.takenAt) / 1e9
    }

    private var summary: String {
        let deadLetters = now.schedulers.reduce(0) { $0 + $1.deadLetters }
        let dropped = now.schedulers.reduce(0) { $0 + $1.messagesDropped }
        let zombies = now.schedulers.reduce(0) { $0 + $1.zombies }
        return "\(now.processCount) processes, \(now.schedulers.count) schedulers, \(deadLetters) dead letters, "
            + "\(dropped) dropped, \(zombies) zombies"
    }

    // MARK: Schedulers

    private func schedulerLines(_ most: Int) -> [String] {
        let left = now.schedulers.count - most
        return ["SCHEDULER   LOAD  QUEUE   JOBS/S  PROCESSES  LONGEST"]
            + now.schedulers.prefix(left > 0 ? most - 1 : most).map { scheduler in
                let old = before?.schedulers.first { $0.index == scheduler.index }
                return Column.right("\(scheduler.index)", 9) + Column.right(load(scheduler, old), 7)
                    + Column.right("\(scheduler.runQueueLength)", 7)
                    + Column.right(rate(scheduler.jobsRun, old?.jobsRun), 9)
                    + Column.right("\(scheduler.processCount)", 11)
                    + Column.right(Column.time(scheduler.longestJob), 9) + hold(of: scheduler)
            } + (left > 0 ? ["      ... and \(left + 1) more"] : [])
    }

    /// Who holds a scheduler, and for how long.
    private func hold(of scheduler: TopSnapshot.Scheduler) -> String {
        guard let time = scheduler.heldFor else { return "" }
        let holder = scheduler.heldBy.map { " by \(Printable($0))" } ?? ""
        return "  held for \(Column.time(time))\(holder)"
    }

    private func load(_ scheduler: TopSnapshot.Scheduler, _ old: TopSnapshot.Scheduler?) -> String {
        guard let seconds, let old, scheduler.busyTime >= old.busyTime else { return "-" }
        let share = Double(scheduler.busyTime - old.busyTime) / 1e9 / seconds
        return "\(Int((min(share, 1) * 100).rounded())) %"
    }

    private func rate(_ count: UInt64, _ old: UInt64?) -> String {
        guard let seconds, let old, count >= old else { return "-" }
        return "\(Int((Double(count - old) / seconds).rounded()))"
    }

    // MARK: Processes

    private func processLines(_ rows: Int) -> [String] {
        let handled = Dictionary(
            (before?.processes ?? []).map { ($0.pid, $0.messagesHandled) }, uniquingKeysWith: { first, _ in first })
        let tree = ProcessTree(now.processes).rows
        let lines = tree.prefix(rows).map { process, depth in
            Column.right("\(process.pid)", 8) + Column.right("\(process.scheduler)", 4)
                + Column.right("\(process.mailboxLength)", 9)
                + Column.right(rate(process.messagesHandled, handled[process.pid]), 9)
                + Column.right(Column.time(process.age), 8) + "  " + Column.left(process.state, 10)
                + String(repeating: "  ", count: depth) + "\(Printable(process.title))"
        }
        let left = now.processCount - lines.count
        return ["     PID  ON  MAILBOX   MSGS/S     AGE  STATE     PROCESS"] + lines
            + (left > 0 ? ["     ... and \(left) more"] : [])
    }
}

/// Processes as they have started each other: each after the one that did, the busiest first.
struct ProcessTree {
    /// Each process and how deep it stands.
    let rows: [(process: TopSnapshot.Process, depth: Int)]

    init(_ processes: [TopSnapshot.Process]) {
        let known = Set(processes.map(\.pid))
        let children = Dictionary(grouping: processes) { process in
            process.parent.flatMap { known.contains($0) ? $0 : nil } ?? 0
        }
        var rows: [(process: TopSnapshot.Process, depth: Int)] = []
        // Not by recursion: a chain of processes may be long.
        var left = ProcessTree.ranked(children[0] ?? []).reversed().map { ($0, 0) }
        while let (process, depth) = left.popLast() {
            rows.append((process, depth))
            for child in ProcessTree.ranked(children[process.pid] ?? []).reversed() {
                left.append((child, min(depth + 1, 20)))
            }
        }
        self.rows = rows
    }

    private static func ranked(_ processes: [TopSnapshot.Process]) -> [TopSnapshot.Process] {
        processes.sorted { ($0.mailboxLength, $1.pid) > ($1.mailboxLength, $0.pid) }
    }
}

/// Text in columns.
enum Column {
    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 0)) + text
    }

    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }

    /// As much of a text as so many columns show.
    static func cut(_ text: String, to width: Int) -> String {
        var columns = 0
        let end = text.firstIndex { character in
            columns += DisplayWidth.of(character)
            return columns > width
        }
        return end.map { String(text[..<$0]) } ?? text
    }

    /// Nanoseconds as a short text: `120 us`, `3 ms`, `2.5 s`, `17 m`.
    static func time(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1_000_000: "\(nanoseconds / 1_000) us"
        case ..<1_000_000_000: "\(nanoseconds / 1_000_000) ms"
        case ..<60_000_000_000: "\(Double(nanoseconds / 100_000_000) / 10) s"
        case ..<3_600_000_000_000: "\(nanoseconds / 60_000_000_000) m"
        default: "\(nanoseconds / 3_600_000_000_000) h"
        }
    }
}

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
        let heldFor: UInt64?
        let heldBy: String?
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
