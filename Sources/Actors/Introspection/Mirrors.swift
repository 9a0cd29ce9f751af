/// What reflection sees of those that lead into the runtime: who they are, and nothing that other threads change
/// meanwhile. `dump` reflects, and so does a test that writes down an error which it has met.

extension PID: CustomReflectable {
    /// Its number.
    public var customMirror: Mirror { Mirror(self, children: ["id": id], displayStyle: .struct) }
}

extension Address: CustomReflectable {
    /// Whose it is.
    public var customMirror: Mirror { Mirror(self, children: ["pid": pid], displayStyle: .struct) }
}

extension Process: CustomReflectable {
    /// Which process it is.
    public nonisolated var customMirror: Mirror { Mirror(self, children: ["pid": pid], displayStyle: .class) }
}

extension MonitorReference: CustomReflectable {
    /// Its number, and of whom it is to tell.
    public var customMirror: Mirror { Mirror(self, children: ["id": id, "target": target], displayStyle: .struct) }
}

extension TimerReference: CustomReflectable {
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension Reply: CustomReflectable {
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .class) }
}

extension ServerMessage: CustomReflectable {
    /// The message as its server describes it.
    public var customMirror: Mirror { Mirror(self, children: ["message": description], displayStyle: .enum) }
}

extension CallContext: CustomReflectable {
    /// Nothing: what is carried may be anything.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension ProcessRegistry: CustomReflectable {
    /// Nothing of what is in it.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .class) }
}

extension Table: CustomReflectable {
    /// Whose it is, and nothing of what is in it.
    public var customMirror: Mirror { Mirror(self, children: ["owner": owner], displayStyle: .class) }
}

extension Scheduler: CustomReflectable {
    /// Its number in its group.
    public var customMirror: Mirror { Mirror(self, children: ["index": index], displayStyle: .class) }
}

extension SchedulerGroup: CustomReflectable {
    /// Its schedulers.
    public var customMirror: Mirror { Mirror(self, children: ["schedulers": schedulers], displayStyle: .class) }
}
