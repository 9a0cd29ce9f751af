internal import Actors
internal import WSConnection

/// What ends an attempt to connect when the process that it is made for ends.
final class DialBond: @unchecked Sendable {
    // Safety: both vars are touched on the owner's scheduler only.
    private let owner: ProcessCore
    private var observer: UInt64?
    private var isOver = false

    init(_ owner: ProcessCore, _ dialer: Dialer, _ scheduler: Scheduler) {
        self.owner = owner
        owner.scheduler.run { [self] in
            guard !isOver else { return }
            observer = owner.addObserver { _ in scheduler.run { dialer.abort(.ownerEnded) } }
        }
    }

    func end() {
        owner.scheduler.run { [self] in
            isOver = true
            if let observer { owner.removeObserver(observer) }
        }
    }
}
