/// What `hansom top` shows of a snapshot, and of the time since the one before.
struct TopScreen {
    let now: TopSnapshot
    let before: TopSnapshot?

    /// The lines of the screen.
    ///
    /// - Parameter rows: how many processes at most.
    func lines(rows: Int) -> [String] {
        [summary, ""] + schedulerLines + [""] + processLines(rows)
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

    private var schedulerLines: [String] {
        ["SCHEDULER   LOAD  QUEUE   JOBS/S  PROCESSES  LONGEST"]
            + now.schedulers.map { scheduler in
                let old = before?.schedulers.first { $0.index == scheduler.index }
                return Column.right("\(scheduler.index)", 9) + Column.right(load(scheduler, old), 7)
                    + Column.right("\(scheduler.runQueueLength)", 7)
                    + Column.right(rate(scheduler.jobsRun, old?.jobsRun), 9)
                    + Column.right("\(scheduler.processCount)", 11)
                    + Column.right(Column.time(scheduler.longestJob), 9)
            }
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
