/// Links, monitors and trapped exits of a process, for its body.
extension Process {
    /// Ties this process and `other`: the end of one for any reason but `.normal` ends the other, or becomes a message to
    /// it if it traps exits.
    ///
    /// To link twice is the same as once. A process that has ended already answers with an exit signal `.noProcess`.
    /// (OTP: `link/1`.)
    public func link(_ other: PID) { core.link(to: other.core) }

    /// Unties the two: the end of the other has no effect on this process after this. (OTP: `unlink/1`.)
    public func unlink(_ other: PID) { core.unlink(from: other.core) }

    /// From now on exit signals become messages, all but `.kill`. (OTP: `process_flag(trap_exit, true)`.)
    ///
    /// - Parameter adapter: makes a message of this process's kind out of a signal.
    public func trapExits(_ adapter: @escaping @Sendable (ExitSignal) -> Message) {
        let special = makeSpecial()
        let before = special.exitAdapter
        special.exitAdapter = adapter
        withExtendedLifetime(before) {}
        core.machine.trapsExits = true
    }

    /// From now on exit signals end the process again.
    public func stopTrappingExits() {
        core.machine.trapsExits = false
        let before = special?.exitAdapter
        special?.exitAdapter = nil
        withExtendedLifetime(before) {}
    }

    /// Hears of the end of another process, once, as a message. Monitors stack: each gives a down of its own.
    /// (OTP: `monitor/2`.)
    ///
    /// - Parameters:
    ///   - target: the process to hear of; if it has ended already the message comes at once, with `.noProcess`.
    ///   - adapter: makes a message of this process's kind out of it.
    /// - Returns: a reference that the message carries, and that `demonitor` takes.
    @discardableResult
    public func monitor(_ target: PID, _ adapter: @escaping @Sendable (Down) -> Message) -> MonitorReference {
        let reference = MonitorReference(id: ProcessCore.nextID(), target: target)
        guard isOpen else { return reference }
        makeSpecial().monitors.insert(reference)
        target.core.scheduler.run { [self] in
            target.core.addObserver(reference.id) { reason in
                self.core.scheduler.run {
                    self.onOwnThread { $0.deliver(Down(monitor: reference, pid: target, reason: reason), adapter) }
                }
            }
        }
        return reference
    }

    /// Stops hearing of it: no down arrives after this. (OTP: `demonitor/2`.)
    ///
    /// - Parameters:
    ///   - reference: what `monitor` returned.
    ///   - flush: takes a down that has arrived out of the mailbox too, so that the body sees none from here on.
    public func demonitor(_ reference: MonitorReference, flush: Bool = false) {
        if special?.monitors.remove(reference) != nil { Process.release(reference) }
        if flush, let place = special?.signalPlaces.removeValue(forKey: reference.id), place >= queue.head {
            withExtendedLifetime(queue.remove(at: place)) { _ = special?.forgetPlace(place) }
        }
    }

    /// Takes the observer back from the process it stands at, which may live long and must not keep this one.
    private static func release(_ monitor: MonitorReference) {
        let core = monitor.target.core
        core.scheduler.run { core.removeObserver(monitor.id) }
    }

    func releaseMonitors(_ special: Special) {
        let released = special.monitors
        special.monitors = []
        for monitor in released { Process.release(monitor) }
    }

    private func deliver(_ down: Down, _ adapter: @Sendable (Down) -> Message) {
        if special?.monitors.remove(down.monitor) != nil { deliverSignal(adapter(down), down.monitor.id) }
    }
}
