/// The messages that wait in one mailbox: a ring that takes no memory until the first comes and gives up much of it when
/// it is empty again.
///
/// Places are counted from the first message there ever was, so that a place means the same message while others come
/// and go at the ends.
@usableFromInline
@safe struct MessageQueue<Element>: ~Copyable {
    // Safety: `ring` holds `capacity` slots, a power of two; the places from `head` on, `count` of them, are initialised
    // at their remainder.
    @usableFromInline var ring: UnsafeMutablePointer<Element>?
    @usableFromInline var capacity: Int
    /// The place of the first message that waits.
    @usableFromInline var head: Int
    @usableFromInline var count: Int

    @usableFromInline static var firstCapacity: Int { 2 }
    /// An empty ring of more slots is given back.
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
    @inlinable var isFull: Bool { count == capacity }
    /// The place that the next message will have.
    @inlinable var end: Int { head &+ count }

    @inlinable
    func slot(_ place: Int) -> UnsafeMutablePointer<Element> {
        // Safety: only called for places of a ring that exists.
        unsafe ring.unsafelyUnwrapped + (place & (capacity &- 1))
    }

    /// Appends, and makes room for it if there is none. Who looks for room before may have let others in meanwhile.
    @inlinable
    mutating func append(_ element: consuming Element) {
        if isFull { grow() }
        unsafe slot(end).initialize(to: element)
        count &+= 1
    }

    @inlinable
    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = unsafe slot(head).move()
        head &+= 1
        count &-= 1
        if count == 0 && capacity > Self.keptCapacity { releaseStorage() }
        return element
    }

    /// The message at a place that is in the queue.
    @inlinable
    subscript(place: Int) -> Element {
        precondition(place >= head && place < end)
        return unsafe slot(place).pointee
    }

    /// Takes out the message at a place that is in the queue. The places of those before it grow by one.
    @inlinable
    mutating func remove(at place: Int) -> Element {
        precondition(place >= head && place < end)
        let element = unsafe slot(place).move()
        var hole = place
        while hole > head {
            unsafe slot(hole).initialize(to: slot(hole &- 1).move())
            hole &-= 1
        }
        head &+= 1
        count &-= 1
        return element
    }

    @inlinable
    mutating func grow() {
        let wider = max(capacity &* 2, Self.firstCapacity)
        let bigger = UnsafeMutablePointer<Element>.allocate(capacity: wider)
        for place in head..<end {
            unsafe (bigger + (place & (wider &- 1))).initialize(to: slot(place).move())
        }
        unsafe ring?.deallocate()
        unsafe ring = bigger
        capacity = wider
    }

    /// Hands over all that waits, in a queue of its own: what goes with the messages may do anything, and this queue is whole
    /// and empty by then.
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
