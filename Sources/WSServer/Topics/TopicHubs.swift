internal import Actors

/// The hubs of one `Topics`: one for each scheduler where a connection has subscribed.
final class TopicHubs: @unchecked Sendable {
    // Safety: `hubs` is touched with `lock` held.
    private let directory: TopicDirectory
    private let lock = Lock()
    // A hub holds its scheduler, so that no other can have its identifier.
    private var hubs: [ObjectIdentifier: TopicHub] = [:]

    init(_ directory: TopicDirectory) { self.directory = directory }

    func hub(of scheduler: Scheduler) -> TopicHub {
        lock.withLock {
            if let hub = hubs[ObjectIdentifier(scheduler)] { return hub }
            let hub = TopicHub(scheduler, directory)
            hubs[ObjectIdentifier(scheduler)] = hub
            return hub
        }
    }
}
