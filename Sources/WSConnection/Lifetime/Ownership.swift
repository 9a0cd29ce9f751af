internal import Actors

/// The bond between a connection and the process that owns it: the owner holds the connection, and its end ends it.
///
/// (OTP: the controlling process of a port.)
final class Ownership: @unchecked Sendable {
    // Safety: `observer` is touched on the owner's scheduler only; `isOver` there too.
    private let owner: ProcessCore
    private var observer: UInt64?
    private var isOver = false

    init(_ owner: ProcessCore) { self.owner = owner }

    /// Binds `connection` to the owner, at whose end the connection does `whenOver`.
    func begin(_ connection: WebSocket, whenOver: @escaping @Sendable (isolated WebSocket) -> Void) {
        owner.scheduler.run { [self] in
            guard !isOver else { return }
            observer = owner.addObserver { [self] _ in
                observer = nil
                connection.scheduler.run { connection.onOwnThread { whenOver($0) } }
            }
        }
    }

    /// The connection ended first, or belongs to somebody else now.
    func end() {
        owner.scheduler.run { [self] in
            isOver = true
            if let observer { owner.removeObserver(observer) }
            observer = nil
        }
    }
}

extension WebSocket {
    /// Makes `owner` the process that holds the connection; `nil` leaves it to its references.
    ///
    /// One that has ended stays with its references: nothing is left to end, and nothing would end the bond but the owner.
    package func setOwner(_ owner: ProcessCore?) {
        self.owner?.end()
        self.owner = core.endReason == nil ? owner.map { Ownership($0) } : nil
        self.owner?.begin(self) { $0.beginClose(.goingAway) }
    }

    /// Gives the connection to another process, whose end then ends it. To one that has ended already, the connection
    /// is closed with 1001. Does nothing once the connection has ended.
    ///
    /// Who is told what arrives stays the same; `transfer(to:active:_:)` moves that too.
    public func transfer(to process: PID) { setOwner(process.core) }
}
