internal import Actors
internal import WSConnection

extension ReconnectingWebSocket {
    /// The events of a client over all its connections, for one reader. Ends after `stopped`.
    ///
    /// Cancelling the task that reads, or letting go of the iterator, ends no connection: who reads again goes on where
    /// that reader was.
    public struct Events: AsyncSequence, Sendable {
        let client: ReconnectingWebSocket

        public func makeAsyncIterator() -> Iterator { Iterator(reader: Reader(client)) }

        public struct Iterator: AsyncIteratorProtocol {
            let reader: Reader

            public mutating func next() async -> Event? { await reader.next() }

            public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? { await reader.next() }
        }
    }

    /// Reads events from the client and frames from its connections.
    @safe final class Reader: @unchecked Sendable {
        // Safety: the iterator that holds it is used by one task at a time.
        private let client: ReconnectingWebSocket
        private var source: Source?

        /// The connection whose frames are read. While there is one, nothing else is due.
        private struct Source {
            let connection: WebSocket
            var events: WebSocket.Events.Iterator
        }

        init(_ client: ReconnectingWebSocket) {
            self.client = client
            client.feed.readerCame()
        }

        deinit {
            client.feed.readerLeft()
            tell(.readerLeft)
        }

        func next() async -> Event? {
            while true {
                if var current = source {
                    let event = await current.events.next()
                    if case .frame(let connection, let frame) = event { return .frame(connection, frame) }
                    source = nil
                    if event == nil, Task.isCancelled { return nil }
                    finish(current.connection)
                }
                switch await client.feed.next() {
                case .event(let event): return event
                case .frames(let connection): await begin(connection)
                case nil: return nil
                }
            }
        }

        private func begin(_ connection: WebSocket) async {
            // Somebody else may have subscribed: then its frames are theirs.
            guard let events = try? await connection.events(active: client.feed.active) else {
                return finish(connection)
            }
            source = Source(connection: connection, events: events.makeAsyncIterator())
        }

        private func finish(_ connection: WebSocket) {
            client.feed.drained(connection)
            tell(.drained(connection.pid))
        }

        private func tell(_ signal: ReconnectSignal) {
            if client.pid.isAlive { client.process.send(signal) }
        }
    }
}
