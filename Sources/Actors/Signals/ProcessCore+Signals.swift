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

    /// Sends an exit signal from this process to another, which then has so long to end; `nil`: as long as it takes.
    func sendExit(_ reason: ExitReason, to other: ProcessCore, grace: Duration?) {
        other.scheduler.run { [self] in other.receiveExit(reason, from: pid, source: .request, grace: grace) }
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
        case .deliver: unsafe host?.trapped(ExitSignal(from: sender, reason: reason, grace: grace))
        case .exit: beginExit(reason, grace: grace)
        case .die: die()
        }
    }

    // MARK: Links

    /// Links this process to `peer`, if it is not.
    ///
    /// - Parameter truth: whether a peer that has ended already is to say why. A supervisor wants to know.
    package func link(to peer: ProcessCore, truth: Bool = false) {
        if let number = linkBegun(to: peer) {
            peer.scheduler.run { [self] in peer.linkArrived(from: self, number, truth: truth) }
        }
    }

    /// This side of a link that is to be made; the number with which the other side is to be told, if it must be.
    func linkBegun(to peer: ProcessCore) -> UInt64? {
        guard peer !== self, !machine.isDead else { return nil }
        let number = ProcessCore.nextID()
        return links.request(peer.pid, number) ? number : nil
    }

    /// The other side of a link that `peer` has begun.
    ///
    /// - Parameter truth: whether one that has ended already says why, and not only that it is not there.
    func linkArrived(from peer: ProcessCore, _ number: UInt64, truth: Bool = false) {
        guard machine.isDead else { return links.requested(by: peer.pid, number) }
        let reason = truth ? machine.reason ?? .noProcess : .noProcess
        peer.scheduler.run { [self] in peer.linkedEnded(self, number, reason) }
    }

    /// Undoes a link. No exit signal comes through it after this.
    package func unlink(from peer: ProcessCore) {
        guard let number = links.undo(peer.pid) else { return }
        peer.scheduler.run { [self] in peer.links.undone(by: pid, number) }
    }

    package func isLinked(to peer: ProcessCore) -> Bool { links.contains(peer.pid) }

    func tellLinked(_ reason: ExitReason) {
        for (peer, number) in links.takeAll() {
            let peer = peer.core
            peer.scheduler.run { [self] in peer.linkedEnded(self, number, reason) }
        }
    }

    private func linkedEnded(_ peer: ProcessCore, _ number: UInt64, _ reason: ExitReason) {
        guard links.ended(peer.pid, number) else { return }
        receiveExit(reason, from: peer.pid, source: .link)
    }
}
