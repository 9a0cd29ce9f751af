internal import DequeModule

/// The messages of a process as a sequence, in order of arrival: what its body loops over.
///
/// It never leaves the process: a `for await` over the mailbox of another one does not compile.
public struct Mailbox<Message: Sendable>: AsyncSequence {
    @usableFromInline let process: Process<Message>

    @inlinable
    init(process: Process<Message>) { self.process = process }

    /// Makes an iterator. It keeps no messages of its own: several share the mailbox, and each message goes to one.
    @inlinable
    public func makeAsyncIterator() -> Iterator { Iterator(process: process) }

    /// Takes messages out of a mailbox, one with each `next`.
    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline let process: Process<Message>

        @inlinable
        init(process: Process<Message>) { self.process = process }

        /// Takes the next message, waiting for one if there is none; `nil` once the process is asked to end.
        @inlinable
        public mutating func next() async -> Message? { await process.receive() }

        /// Takes the next message as `next()` does: what a `for await` loop calls.
        ///
        /// - Parameter actor: where the caller is isolated; the message is taken on the process's scheduler all the
        /// same.
        @inlinable
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Message? {
            await process.receive()
        }
    }
}

@available(*, unavailable, message: "only the body of a process takes its messages: send them on to who needs them")
extension Mailbox: Sendable {}

/// How many messages may wait in a mailbox, and what happens to more.
public struct MailboxOptions: Sendable, Hashable {
    /// What a full mailbox does.
    public enum Overflow: Sendable, Hashable, CaseIterable {
        /// `send(waiting:)` waits for room; what plain `send` brings is dropped and counted.
        case suspend
        /// What comes is dropped and counted.
        case dropNewest
        /// The message that waits longest is dropped and counted.
        case dropOldest
        /// What comes is dropped and counted; for those who look at what `trySend` says.
        case fail
        /// The process ends, with a `MailboxOverflow` for its error, also if it traps exits.
        case kill
    }

    struct Bound: Hashable {
        let limit: Int
        let whenFull: Overflow
    }

    let bound: Bound?

    /// As many as come, as in Erlang. A warning is reported when a mailbox grows long.
    public static let unbounded = MailboxOptions(bound: nil)

    /// At most `limit` messages, at least 1. What signals become (downs, trapped exits) comes in all the same.
    public static func bounded(_ limit: Int, whenFull: Overflow) -> MailboxOptions {
        MailboxOptions(bound: Bound(limit: max(limit, 1), whenFull: whenFull))
    }
}

/// Why a process ended whose bounded mailbox was full: its policy was `.kill`.
public struct MailboxOverflow: Error, Hashable, CustomStringConvertible {
    /// How many messages might wait.
    public let limit: Int

    public var description: String { "message \(limit + 1) came while \(limit) waited, the mailbox's bound" }
}

/// What became of a message that `trySend` brought.
public enum SendResult: Sendable, Hashable {
    /// It is in the mailbox, or on its way there.
    case sent
    /// The mailbox is full: it was not taken.
    case full
    /// The process has ended, or is ending as far as the sender's scheduler knows: it was not taken.
    case dead
}

/// Where to send messages of one kind to a process, without keeping it: what a registry or a group hands out.
public struct Address<Message: Sendable>: Sendable, Hashable, CustomStringConvertible {
    let core: ProcessCore

    /// `core` is a process that takes such messages.
    init(_ core: ProcessCore) { self.core = core }

    public static func == (a: Address, b: Address) -> Bool { a.core === b.core }

    public func hash(into hasher: inout Hasher) { hasher.combine(core.id) }

    /// Which process the messages go to.
    public var pid: PID { core.pid }

    public var description: String { pid.description }

    /// Sends a message, as `Process.send(_:)` does.
    public func send(_ message: Message) {
        if core.scheduler.isCurrent { return deliver(message) }
        let claim = core.claimPlace()
        core.scheduler.post(.action { [self] in deliver(message, claim) })
    }

    /// Sends a message if there is room for it, as `Process.trySend(_:)` does, and says what became of it.
    public func trySend(_ message: Message) -> SendResult {
        guard core.isAlive else { return .dead }
        if core.scheduler.isCurrent { return process(of: core)?.trySend(message) ?? .dead }
        guard let places = core.places else {
            send(message)
            return .sent
        }
        guard places.reserve() else { return .full }
        core.scheduler.post(.action { [self] in deliver(message, .taken) })
        return .sent
    }

    /// Sends a message, and waits for room in a bounded mailbox if there is none, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess` if the process has ended or ends meanwhile; `CancellationError` if the
    ///   calling task is cancelled meanwhile. Then the message was not sent.
    public func send(waiting message: Message) async throws {
        switch trySend(message) {
        case .sent: return
        case .dead: throw CallError(.noProcess, pid)
        case .full:
            guard let process = await core.scheduler.ask({ [core] _ in process(of: core) }) else {
                throw CallError(.noProcess, pid)
            }
            try await process.send(waiting: message)
        }
    }

    /// Brings the process a message. On its scheduler's thread.
    ///
    /// - Parameter claim: what became of its wish for a place, if it was sent from elsewhere.
    func deliver(_ message: Message, _ claim: PlaceClaim = .notAsked) {
        guard let process = process(of: core) else { return core.scheduler.deadLetters += 1 }
        process.deliver(message, claim)
    }

    /// Asks the process to end, as `PID.exit(_:)` does.
    public func exit(_ reason: ExitReason) { core.sendExit(reason) }

    /// The process, if it has not ended. On its scheduler's thread.
    func process(of core: ProcessCore) -> Process<Message>? {
        // Safety: whoever makes an address has compared the type of the messages.
        guard let host = unsafe core.host else { return nil }
        return unsafe unsafeDowncast(host, to: Process<Message>.self)
    }
}

/// The messages that wait in one mailbox: a ring that takes no memory until the first comes. When it has become much
/// wider than what waits in it, whoever takes a message has it shrink.
///
/// Places are counted from the first message there ever was, so that a place means the same message while others come
/// and go at the ends.
@usableFromInline
@safe struct MessageQueue<Element>: ~Copyable {
    // Safety: `ring` holds `capacity` slots, a power of two; the places from `head` on, `count` of them, are
    // initialised at their remainder.
    @usableFromInline var ring: UnsafeMutablePointer<Element>?
    @usableFromInline var capacity: Int
    /// The place of the first message that waits.
    @usableFromInline var head: Int
    @usableFromInline var count: Int

    @usableFromInline static var firstCapacity: Int { 2 }
    /// A ring of no more slots is kept.
    @usableFromInline static var keptCapacity: Int { 64 }

    @inlinable
    init() {
        unsafe ring = nil
        capacity = 0
        head = 0
        count = 0
    }

    @inlinable
    deinit {
        for place in head..<end { unsafe slot(place).deinitialize(count: 1) }
        unsafe ring?.deallocate()
    }

    @inlinable var isEmpty: Bool { count == 0 }
    @inlinable @inline(__always) var isFull: Bool { count == capacity }
    /// The place that the next message will have.
    @inlinable @inline(__always) var end: Int { head &+ count }

    @inlinable
    @inline(__always)
    func slot(_ place: Int) -> UnsafeMutablePointer<Element> {
        // Safety: only called for places of a ring that exists.
        unsafe ring.unsafelyUnwrapped + (place & (capacity &- 1))
    }

    /// Appends, and makes room for it if there is none. Who looks for room before may have let others in meanwhile.
    @inlinable
    @inline(__always)
    mutating func append(_ element: consuming Element) {
        if isFull { grow() }
        unsafe slot(end).initialize(to: element)
        count &+= 1
    }

    @inlinable
    @inline(__always)
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = unsafe slot(head).move()
        head &+= 1
        count &-= 1
        return element
    }

    /// Whether the ring is so much wider than what waits in it that `shrink` is worth its while.
    @inlinable
    @inline(__always)
    var isTooWide: Bool { capacity > Self.keptCapacity && count &* 8 < capacity }

    /// The message at a place that is in the queue.
    @inlinable
    subscript(place: Int) -> Element {
        precondition(place >= head && place < end)
        return unsafe slot(place).pointee
    }

    /// Takes out the message at a place that is in the queue. Of those before it and those behind it the fewer move:
    /// the places of those before grow by one, or the places of those behind become less by one.
    @inlinable
    mutating func remove(at place: Int) -> Element {
        precondition(place >= head && place < end)
        let element = unsafe slot(place).move()
        var hole = place
        if place &- head <= end &- 1 &- place {
            while hole > head {
                unsafe slot(hole).initialize(to: slot(hole &- 1).move())
                hole &-= 1
            }
            head &+= 1
        } else {
            while hole < end &- 1 {
                unsafe slot(hole).initialize(to: slot(hole &+ 1).move())
                hole &+= 1
            }
        }
        count &-= 1
        return element
    }

    @inlinable
    mutating func grow() { move(to: max(capacity &* 2, Self.firstCapacity)) }

    /// Moves what waits to a ring half of which it fills, or less; an empty ring is given back.
    @usableFromInline
    mutating func shrink() {
        if isEmpty { return releaseStorage() }
        var narrower = Self.keptCapacity
        while narrower < count &* 2 { narrower &*= 2 }
        move(to: narrower)
    }

    @inlinable
    mutating func move(to width: Int) {
        let other = UnsafeMutablePointer<Element>.allocate(capacity: width)
        var place = head
        while place < end {
            // As many as lie side by side in both.
            let (from, to) = (place & (capacity &- 1), place & (width &- 1))
            let run = min(end &- place, capacity &- from, width &- to)
            unsafe (other + to).moveInitialize(from: slot(place), count: run)
            place &+= run
        }
        unsafe ring?.deallocate()
        unsafe ring = other
        capacity = width
    }

    /// Hands over all that waits, in a queue of its own: what goes with the messages may do anything, and this queue is
    /// whole and empty by then.
    mutating func takeAll() -> MessageQueue {
        var taken = MessageQueue()
        swap(&taken, &self)
        head = taken.end
        return taken
    }

    /// Gives the ring of an empty queue back.
    @inlinable
    mutating func releaseStorage() {
        unsafe ring?.deallocate()
        unsafe ring = nil
        capacity = 0
    }
}

/// At which places of a mailbox the messages stand that signals have become, as a value. Ordinary messages so carry
/// nothing.
///
/// Signals arrive at the end, so the places ascend. To take a message costs as much as the queue itself needs, however
/// many signals wait: what has moved in the queue is looked at, and nothing else. What a plain mailbox has let go is
/// forgotten later.
struct SignalPlaces {
    private struct Entry {
        var place: Int
        /// The signal's number, if it may be looked for; else 0.
        let id: UInt64
    }

    private var entries = Deque<Entry>()
    private var places: [UInt64: Int] = [:]
    /// The most there were since it was last empty.
    private var most = 0

    var count: Int { entries.count }

    /// A signal has become a message at the end of the queue.
    ///
    /// - Parameter head: of the queue.
    mutating func add(_ id: UInt64?, at place: Int, head: Int) {
        forget(before: head)
        entries.append(Entry(place: place, id: id ?? 0))
        if let id { places[id] = place }
        most = max(most, entries.count)
    }

    /// Forgets what was taken of a plain mailbox.
    mutating func forget(before head: Int) {
        while let first = entries.first, first.place < head { drop(entries.removeFirst()) }
    }

    /// Where the message of the signal stands, if it waits.
    mutating func place(of id: UInt64, head: Int) -> Int? {
        forget(before: head)
        return places[id]
    }

    /// The first message was taken. Whether it came of a signal.
    mutating func taken(at place: Int) -> Bool {
        if entries.isEmpty { return false }
        forget(before: place)
        guard let first = entries.first, first.place == place else { return false }
        drop(entries.removeFirst())
        return true
    }

    /// A message was taken from the midst, and those before it have moved up by one. Whether it came of a signal.
    ///
    /// - Parameter head: where the first stood before.
    mutating func removed(at place: Int, head: Int) -> Bool {
        forget(before: head)
        var index = 0
        while index < entries.count, entries[index].place < place {
            entries[index].place += 1
            note(entries[index])
            index += 1
        }
        guard index < entries.count, entries[index].place == place else { return false }
        drop(entries.remove(at: index))
        return true
    }

    /// A message was taken from the midst, and those behind it have moved down by one. Whether it came of a signal.
    mutating func removedMovingDown(at place: Int) -> Bool {
        var index = entries.count - 1
        while index >= 0, entries[index].place > place {
            entries[index].place -= 1
            note(entries[index])
            index -= 1
        }
        guard index >= 0, entries[index].place == place else { return false }
        drop(entries.remove(at: index))
        return true
    }

    /// The queue was put in another order, in which signals keep theirs.
    ///
    /// - Parameter moved: says to which place a message has moved; `nil` if it was taken.
    /// - Returns: how many of those that were taken came of signals.
    mutating func rearrange(from head: Int, _ moved: (Int) -> Int?) -> Int {
        forget(before: head)
        var taken = 0
        for _ in 0..<entries.count {
            var entry = entries.removeFirst()
            if let place = moved(entry.place) {
                entry.place = place
                note(entry)
                entries.append(entry)
            } else {
                taken += 1
                drop(entry)
            }
        }
        return taken
    }

    /// The first place from `head` on at which no signal stands.
    mutating func firstWithout(from head: Int) -> Int {
        forget(before: head)
        // Those that stand one behind the other from the head on stand where their index says.
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].place == head + middle { low = middle + 1 } else { high = middle }
        }
        return head + low
    }

    private mutating func note(_ entry: Entry) {
        if entry.id != 0 { places[entry.id] = entry.place }
    }

    private mutating func drop(_ entry: Entry) {
        if entry.id != 0 { places[entry.id] = nil }
        // What a burst has taken is given back.
        if entries.isEmpty {
            if most > 64 { (entries, places) = ([], [:]) }
            most = 0
        }
    }
}
