internal import Actors
internal import WSConnection

extension ConnectionSupervisor {
    /// How many connections are looked at in one go, so that others have their turn.
    private static let slice = 256

    /// What has ended on this scheduler, and what those carry that are open.
    func survey() async -> (ServerTally, QueueDepths) {
        let (ended, open) = await census()
        var (tally, queues) = (ended, QueueDepths())
        for start in stride(from: 0, to: open.count, by: Self.slice) {
            let part = open[start..<min(start + Self.slice, open.count)]
            let (traffic, waiting) = await scheduler.ask { _ in ConnectionSupervisor.sum(of: part) }
            tally.addTraffic(traffic)
            queues.add(waiting)
        }
        return (tally, queues)
    }

    /// What was counted by now, and those that were not: each connection is in one of both, so that no sum goes back.
    ///
    /// At the end of a turn everybody has heard of who has ended.
    private func census() async -> (ServerTally, [WebSocket]) {
        await withCheckedContinuation { continuation in
            scheduler.deferAction { [self] in
                continuation.resume(returning: onOwnThread { ($0.books.tally, $0.connections) })
            }
        }
    }

    /// On the connections' scheduler.
    private static func sum(of connections: ArraySlice<WebSocket>) -> (WebSocket.Counters, QueueDepths) {
        var (traffic, queues) = (WebSocket.Counters(), QueueDepths())
        for connection in connections {
            let (counters, inbound, buffered) = connection.onOwnThread {
                ($0.counters, $0.waitingMessages, $0.bufferedBytes)
            }
            traffic.add(counters)
            queues.add(inbound: inbound, buffered: buffered)
        }
        return (traffic, queues)
    }
}
