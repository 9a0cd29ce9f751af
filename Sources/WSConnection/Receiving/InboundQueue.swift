internal import DequeModule

/// What has arrived and was not taken yet, in order.
///
/// Messages are bounded by whoever fills the queue, which asks `hasRoom` first; pings and pongs never fill it: only
/// the newest 16 wait.
struct InboundQueue {
    static let controlFramesKept: Int32 = 16

    private var frames = Deque<WebSocket.Frame>()
    private(set) var byteCount = 0
    private(set) var messageCount: Int32 = 0
    private(set) var controlCount: Int32 = 0

    var isEmpty: Bool { frames.isEmpty }
    var first: WebSocket.Frame? { frames.first }

    /// Whether another message may come. One always fits an empty queue.
    func hasRoom(_ limits: WebSocket.Limits) -> Bool {
        Int(messageCount) < limits.inboundMessages && (messageCount == 0 || byteCount < limits.inboundBytes)
    }

    mutating func append(_ frame: WebSocket.Frame) {
        frames.append(frame)
        if frame.isControl {
            controlCount &+= 1
            if controlCount > InboundQueue.controlFramesKept { dropOldestControl() }
        } else {
            messageCount &+= 1
            byteCount &+= frame.byteCount
        }
    }

    /// Puts frames back that had been taken; more than fit are kept too, since they are there already.
    mutating func prepend(_ taken: [WebSocket.Frame]) {
        for frame in taken.reversed() {
            frames.prepend(frame)
            if frame.isControl {
                controlCount &+= 1
            } else {
                messageCount &+= 1
                byteCount &+= frame.byteCount
            }
        }
    }

    mutating func popFirst() -> WebSocket.Frame? {
        guard let frame = frames.popFirst() else { return nil }
        if frame.isControl {
            controlCount &-= 1
        } else {
            messageCount &-= 1
            byteCount &-= frame.byteCount
        }
        return frame
    }

    /// Takes the first message, dropping pings and pongs before it.
    mutating func popMessage() -> WebSocket.Message? {
        while let frame = popFirst() {
            if let message = frame.message { return message }
        }
        return nil
    }

    private mutating func dropOldestControl() {
        guard let index = frames.firstIndex(where: \.isControl) else { return }
        frames.remove(at: index)
        controlCount &-= 1
    }
}

/// Bytes that were read but cannot be decoded yet, because the inbound queue is full. At most one read's worth.
struct Backlog {
    private var bytes: [UInt8] = []
    private var head = 0

    var isEmpty: Bool { head == bytes.count }
    var count: Int { bytes.count - head }

    /// Keeps `rest` for later.
    mutating func keep(_ rest: UnsafeMutableRawBufferPointer) {
        unsafe bytes.append(contentsOf: rest)
    }

    /// Lets `decode` work through the bytes; it says how many it left.
    mutating func withBytes(_ decode: (UnsafeMutableRawBufferPointer) -> Int) {
        unsafe bytes.withUnsafeMutableBytes { all in
            let left = unsafe decode(UnsafeMutableRawBufferPointer(rebasing: all[head...]))
            head = all.count - left
        }
        if isEmpty {
            bytes = []
            head = 0
        }
    }
}
