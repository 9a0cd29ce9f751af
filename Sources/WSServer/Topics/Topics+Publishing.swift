internal import Actors
public import WSConnection

extension Topics {
    /// Publishes a message to all who have subscribed to the topic, and does not wait. From any thread.
    ///
    /// - Parameters:
    ///   - message: what they get. To publish one message to several topics costs one encoding each.
    ///   - topic: where to; nothing happens if nobody has subscribed.
    ///   - connection: who does not get it, though it may have subscribed: whoever the message came from.
    ///   - slowReaders: what becomes of those that have no room; default: as in the options.
    /// - Returns: whether it was taken. It is not when `Options.pendingBytes` are on their way: then nobody gets it.
    @discardableResult
    public func publish(
        _ message: WebSocket.Message, to topic: String, except connection: WebSocket? = nil,
        slowReaders: SlowReaders? = nil
    ) -> Bool {
        let counters = directory.counters
        let parts = directory.parts(of: topic)
        let cost = Publication.cost(of: message)
        guard parts.isEmpty || counters.reserve(cost, atMost: options.pendingBytes) else {
            counters.refused()
            return false
        }
        counters.published()
        guard !parts.isEmpty else { return true }
        let publication = Publication(
            message, cost: cost, except: connection?.core, slowReaders ?? options.slowReaders, counters)
        publication.begin(in: parts, whenDone: nil)
        return true
    }

    /// Publishes a message to all who have subscribed to the topic, waits for those that have no room, and says how many
    /// got it.
    ///
    /// Only the publisher waits: members that have room get the message at once, and what others publish meanwhile too. At
    /// a member that has none the message waits in line, so that it comes before what is sent later. Cancelling the
    /// task ends the waiting: who has no room then does not get the message, and is not closed for it.
    ///
    /// - Parameters:
    ///   - message, topic, connection: as of the other.
    ///   - slowReaders: what becomes of those that still have no room when the time is over; default: as in the options.
    ///   - patience: how long to wait for room; with `.zero` it only counts.
    /// - Returns: how many got it. A connection that is being closed counts as none of them.
    @discardableResult
    public func publish(
        _ message: WebSocket.Message, to topic: String, except connection: WebSocket? = nil,
        slowReaders: SlowReaders? = nil, waiting patience: Duration
    ) async -> Delivery {
        let counters = directory.counters
        let parts = directory.parts(of: topic)
        counters.published()
        guard !parts.isEmpty else { return Delivery() }
        // Never refused: as much as there are suspended publishers is on its way, and the caller bounds those.
        let cost = Publication.cost(of: message)
        counters.reserve(cost)
        let publication = Publication(
            message, cost: cost, except: connection?.core, slowReaders ?? options.slowReaders, waiting: patience,
            counters)
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                publication.begin(in: parts) { unsafe continuation.resume(returning: $0) }
            }
        } onCancel: {
            publication.cancel(in: parts)
        }
    }
}
