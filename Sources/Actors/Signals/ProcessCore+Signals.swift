/// Signals between processes. Each function runs on the thread of the process it is called on, and reaches the other
/// process by way of its scheduler, so that the signals and messages of one sender arrive in order.
extension ProcessCore {
    /// Sends an exit signal to this process. From any thread.
    package func sendExit(_ reason: ExitReason) {
        let sender = ProcessCore.current
        scheduler.run { [self] in
            receiveExit(reason, from: sender?.pid, source: sender === self ? .oneself : .request)
        }
    }

    /// An exit signal has arrived.
    ///
    /// - Parameter grace: how long the process may then take; `nil`: as long as it takes.
    package func receiveExit(
        _ reason: ExitReason, isOwn: Bool = false, grace: Duration? = ProcessCore.defaultGrace
    ) {
        receiveExit(reason, from: nil, source: isOwn ? .oneself : .request, grace: grace)
    }

    func receiveExit(
        _ reason: ExitReason, from sender: PID?, source: ExitMachine.Source,
        grace: Duration? = ProcessCore.defaultGrace
    ) {
        switch machine.receive(reason, from: source) {
        case .ignore: break
        case .deliver: unsafe host?.trapped(ExitSignal(from: sender, reason: reason))
        case .exit: beginExit(reason, grace: grace)
        case .die: die()
        }
    }

    // MARK: Links

    /// Links this process to `peer`, if it is not.
    package func link(to peer: ProcessCore) {
        if let number = linkBegun(to: peer) {
            peer.scheduler.run { [self] in peer.linkArrived(from: self, number) }
        }
    }

    /// This side of a link that is to be made; the number with which the other side is to be told, if it must be.
    func linkBegun(to peer: ProcessCore) -> UInt64? {
        guard peer !== self, !machine.isDead else { return nil }
        let number = ProcessCore.nextID()
        return makeExtras().links.request(peer.pid, number) ? number : nil
    }

    /// The other side of a link that `peer` has begun.
    func linkArrived(from peer: ProcessCore, _ number: UInt64) {
        guard machine.isDead else { return makeExtras().links.requested(by: peer.pid, number) }
        peer.scheduler.run { [self] in peer.linkedEnded(self, number, .noProcess) }
    }

    /// Undoes a link. No exit signal comes through it after this.
    package func unlink(from peer: ProcessCore) {
        guard let number = extras?.links.undo(peer.pid) else { return }
        peer.scheduler.run { [self] in peer.extras?.links.undone(by: pid, number) }
    }

    package func isLinked(to peer: ProcessCore) -> Bool { extras?.links.contains(peer.pid) ?? false }

    func tellLinked(_ extras: Extras, _ reason: ExitReason) {
        for (peer, number) in extras.links.takeAll() {
            let peer = peer.core
            peer.scheduler.run { [self] in peer.linkedEnded(self, number, reason) }
        }
    }

    private func linkedEnded(_ peer: ProcessCore, _ number: UInt64, _ reason: ExitReason) {
        guard extras?.links.ended(peer.pid, number) == true else { return }
        receiveExit(reason, from: peer.pid, source: .link)
    }
}
