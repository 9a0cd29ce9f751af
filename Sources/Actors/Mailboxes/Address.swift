/// Where to send messages of one kind to a process, without keeping it: what a registry or a group hands out.
public struct Address<Message: Sendable>: Sendable, Hashable, CustomStringConvertible {
    let core: ProcessCore

    /// `core` is a process that takes such messages.
    init(_ core: ProcessCore) { self.core = core }

    public static func == (a: Address, b: Address) -> Bool { a.core === b.core }

    public func hash(into hasher: inout Hasher) { hasher.combine(core.id) }

    public var pid: PID { core.pid }

    public var description: String { pid.description }

    /// Sends a message, as `Process.send(_:)` does.
    public func send(_ message: Message) {
        if core.scheduler.isCurrent { return deliver(message) }
        let claim = core.claimPlace()
        core.scheduler.post(.action { [self] in deliver(message, claim) })
    }

    /// Brings the process a message. On its scheduler's thread.
    ///
    /// - Parameter claim: what became of its wish for a place, if it was sent from elsewhere.
    func deliver(_ message: Message, _ claim: PlaceClaim = .notAsked) {
        guard let process = process(of: core) else { return core.scheduler.deadLetters += 1 }
        process.deliver(message, claim)
    }

    /// Asks the process to end, as `PID.exit(_:)` does.
    public func exit(_ reason: ExitReason) { core.sendExit(reason) }

    /// The process, if it has not ended. On its scheduler's thread.
    func process(of core: ProcessCore) -> Process<Message>? {
        // Safety: whoever makes an address has compared the type of the messages.
        guard let host = unsafe core.host else { return nil }
        return unsafe unsafeDowncast(host, to: Process<Message>.self)
    }
}
