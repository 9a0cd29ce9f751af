extension SystemSnapshot {
    /// The snapshot as one line of JSON: an object with the names of the properties, times in nanoseconds, processes by
    /// their numbers.
    public var json: String {
        var json = JSONText()
        json.object { json in
            json.member("takenAt", takenAt)
            json.member("processCount", processCount)
            json.array("schedulers", schedulers) { json, scheduler in json.object { scheduler.write(to: &$0) } }
            json.array("processes", processes) { json, process in json.object { process.write(to: &$0) } }
        }
        return json.text
    }

    /// How many processes there were, whether they are listed or not.
    public var processCount: Int { schedulers.reduce(0) { $0 + $1.processCount } }

    /// The same with at most so many processes: first those that have started others, then those with the longest
    /// mailboxes, then those that have handled most.
    public func limited(to limit: Int) -> SystemSnapshot {
        guard processes.count > limit else { return self }
        let parents = Set(processes.compactMap(\.parent))
        let ranked = processes.sorted { a, b in
            (parents.contains(a.pid.id) ? 1 : 0, a.mailboxLength, a.messagesHandled)
                > (parents.contains(b.pid.id) ? 1 : 0, b.mailboxLength, b.messagesHandled)
        }
        let kept = Set(ranked.prefix(max(limit, 0)).map(\.pid))
        return SystemSnapshot(
            takenAt: takenAt, schedulers: schedulers, processes: processes.filter { kept.contains($0.pid) })
    }
}

extension SchedulerInfo {
    fileprivate func write(to json: inout JSONText) {
        json.member("index", index)
        json.member("processCount", processCount)
        json.member("runQueueLength", runQueueLength)
        json.member("jobsRun", jobsRun)
        json.member("busyTime", busyTime)
        json.member("longestJob", longestJob)
        json.member("deadLetters", deadLetters)
        json.member("messagesDropped", messagesDropped)
        json.member("zombies", zombies)
        json.member("alarmCount", alarmCount)
        json.member("watchCount", watchCount)
    }
}

extension ProcessInfo {
    fileprivate func write(to json: inout JSONText) {
        json.member("pid", pid.id)
        json.array("names", names) { $0.member(nil, $1) }
        json.array("groups", groups) { $0.member(nil, $1) }
        if let label { json.member("label", label) }
        json.member("kind", kind)
        if let detail { json.member("detail", detail) }
        if let parent { json.member("parent", parent) }
        json.member("scheduler", scheduler)
        json.member("state", state.rawValue)
        json.member("mailboxLength", mailboxLength)
        json.member("messagesHandled", messagesHandled)
        json.array("links", links) { $0.member(nil, $1.id) }
        json.member("monitors", monitors)
        json.member("monitoredBy", monitoredBy)
        json.member("age", age)
    }
}
