internal import Actors

/// What an attempt to connect, or a client, has to do when the process ends that it is made for.
final class EndBond: @unchecked Sendable {
    // Safety: both vars are touched on the process's scheduler only.
    private let process: ProcessCore
    private var observer: UInt64?
    private var isOver = false

    init(_ process: ProcessCore, whenOver: @escaping @Sendable () -> Void) {
        self.process = process
        process.scheduler.run { [self] in
            guard !isOver else { return }
            observer = process.addObserver { _ in whenOver() }
        }
    }

    /// It has nothing to do any more.
    func end() {
        process.scheduler.run { [self] in
            isOver = true
            if let observer { process.removeObserver(observer) }
        }
    }
}
