internal import Actors
internal import Synchronization
internal import WSConnection

/// A message on its way to the members of a topic, on however many schedulers. It is encoded once, and compressed once
/// for each way in which some of them have agreed to.
final class Publication: @unchecked Sendable {
    // Safety: `compressed`, `open`, `total`, `whenDone` and `awaited` are touched with `lock` held.
    let plain: EncodedMessage
    /// Who does not get it.
    let except: ProcessCore?
    let slowReaders: Topics.SlowReaders
    /// How long it waits for members to have room; zero: not at all.
    let patience: Duration
    let counters: TopicCounters
    private let message: WebSocket.Message
    private let cost: Int
    private let isCancelledFlag = Atomic<Bool>(false)

    private let lock = Lock()
    private var compressed: [CompressionOptions: EncodedMessage] = [:]
    /// On how many schedulers it is under way.
    private var open = 0
    private var total = Topics.Delivery()
    private var whenDone: ((Topics.Delivery) -> Void)?

    /// What a message counts for while it is on its way: its bytes, and a sum for what carries it.
    static func cost(of message: WebSocket.Message) -> Int { message.byteCount + 1024 }

    /// - Parameter cost: what has been reserved for it, to be given back when it is gone.
    init(
        _ message: WebSocket.Message, cost: Int, except: ProcessCore?, _ slowReaders: Topics.SlowReaders,
        waiting patience: Duration = .zero, _ counters: TopicCounters
    ) {
        self.message = message
        self.cost = cost
        self.except = except
        self.slowReaders = slowReaders
        self.patience = patience
        self.counters = counters
        plain = EncodedMessage(message)
        counters.encoded()
    }

    deinit { counters.release(cost) }

    /// Whether somebody waits for what becomes of it.
    private var awaited = false
    var isAwaited: Bool { lock.withLock { awaited } }

    var isCancelled: Bool { isCancelledFlag.load(ordering: .sequentiallyConsistent) }

    /// Sends it on its way: one post for each scheduler.
    ///
    /// - Parameter whenDone: is told once what became of it, on some thread.
    func begin(in parts: [LocalTopic], whenDone: ((Topics.Delivery) -> Void)?) {
        lock.withLock {
            awaited = whenDone != nil
            self.whenDone = whenDone
            open = parts.count
        }
        for part in parts { part.hub.scheduler.run { [self] in part.hub.accept(self, for: part) } }
    }

    /// Nobody waits for members to have room any more, on any scheduler. From any thread, before it has begun too.
    func cancel(in parts: [LocalTopic]) {
        isCancelledFlag.store(true, ordering: .sequentiallyConsistent)
        for part in parts { part.hub.scheduler.runLater { [self] in part.hub.cancel(self) } }
    }

    /// The message as a connection that compresses so can send it. Whoever comes first makes it; the others wait for that.
    func compressed(with options: CompressionOptions) -> EncodedMessage {
        guard message.byteCount >= options.threshold else { return plain }
        return lock.withLock {
            if let known = compressed[options] { return known }
            let made = EncodedMessage(message, compression: options)
            compressed[options] = made
            counters.encoded()
            return made
        }
    }

    /// What became of it on one scheduler.
    func finished(_ part: Topics.Delivery) {
        let tell = lock.withLock { () -> (() -> Void)? in
            guard awaited else { return nil }
            total += part
            open -= 1
            guard open == 0, let whenDone else { return nil }
            self.whenDone = nil
            return { [total] in whenDone(total) }
        }
        tell?()
    }
}
