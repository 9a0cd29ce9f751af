internal import Actors

/// Hands events to a process, as messages of its kind. While it is subscribed the process holds the connection.
///
/// Where a bounded mailbox would drop a frame, the connection keeps it and waits for a place, in line with the others
/// who do. The end is told however full the mailbox is.
final class ProcessSink<Message: Sendable>: EventSink, @unchecked Sendable {
    // Safety: all `var`s belong to the connection's thread; all else is constant, and may be used from any thread.
    let process: Process<Message>
    private let adapter: @Sendable (WebSocket.Event) -> Message
    private var bond: EndBond?
    private var isOver = false
    private var place = Place.none

    /// The place in a full mailbox for the next frame.
    private enum Place {
        case none
        case awaited(PlaceTicket)
        case kept
    }

    init(_ process: Process<Message>, _ adapter: @escaping @Sendable (WebSocket.Event) -> Message) {
        self.process = process
        self.adapter = adapter
    }

    /// From now on the end of the process ends the subscription.
    func begin(_ connection: WebSocket) {
        // It may have ended while it was subscribed.
        if isOver { return }
        bond = EndBond(process.core) { [self] _ in
            connection.scheduler.run { connection.onOwnThread { $0.endSubscription(self) } }
        }
    }

    func offer(_ event: WebSocket.Event) -> EventReception {
        guard process.takesMore else { return .gone }
        guard case .frame(let connection, _) = event else {
            process.sendSignal(adapter(event))
            return .taken
        }
        switch place {
        case .awaited: return .notNow
        case .kept:
            place = .none
            process.fillPlace(adapter(event))
            return .taken
        case .none:
            guard process.isBounded else {
                process.send(adapter(event))
                return .taken
            }
            switch process.offer({ adapter(event) }) {
            case .taken: return .taken
            case .full:
                wait(connection)
                return .notNow
            }
        }
    }

    private func wait(_ connection: WebSocket) {
        let ticket = PlaceTicket()
        place = .awaited(ticket)
        process.awaitPlace(ticket) { [self] isKept in
            connection.scheduler.runLater {
                connection.onOwnThread { isKept ? self.placeIsKept(ticket, $0) : $0.endSubscription(self) }
            }
        }
    }

    private func placeIsKept(_ ticket: PlaceTicket, _ connection: isolated WebSocket) {
        guard case .awaited(let awaited) = place, awaited === ticket else { return process.giveBackPlace() }
        place = .kept
        connection.pumpEvents()
        // The frame that it was for may have been received, or the mode turned off.
        giveBackPlace()
    }

    private func giveBackPlace() {
        guard case .kept = place else { return }
        place = .none
        process.giveBackPlace()
    }

    func end() {
        isOver = true
        bond?.end()
        giveBackPlace()
        guard case .awaited(let ticket) = place else { return }
        place = .none
        process.cancelPlace(ticket)
    }
}
