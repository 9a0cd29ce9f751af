/// A descriptor that a scheduler watches.
package struct Watch: Sendable, Hashable {
    package let descriptor: Int32
    /// The slot in the table, and above it the slot's generation: an event for a descriptor that was closed earlier
    /// in the same batch finds another generation and is dropped.
    let token: UInt64

    var slot: Int { Int(token & 0xFFFF_FFFF) }
    var generation: UInt32 { UInt32(token >> 32) }
}

/// Who watches what on one scheduler.
struct WatchTable {
    private struct Slot {
        // Safety: an observer unwatches before it goes, so what stands here is alive.
        unowned(unsafe) var observer: (any DescriptorObserver)?
        var generation: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    mutating func add(_ descriptor: Int32, _ observer: any DescriptorObserver) -> Watch {
        let index: Int
        if let recycled = free.popLast() {
            index = recycled
        } else {
            index = slots.count
            slots.append(Slot(observer: nil))
        }
        unsafe slots[index].observer = observer
        return Watch(descriptor: descriptor, token: UInt64(slots[index].generation) << 32 | UInt64(index))
    }

    /// Whether it was still there.
    @discardableResult
    mutating func remove(_ watch: Watch) -> Bool {
        guard slots[watch.slot].generation == watch.generation else { return false }
        unsafe slots[watch.slot].observer = nil
        // The last generation is never used: its tokens could be taken for the poller's own.
        slots[watch.slot].generation = watch.generation >= UInt32.max - 1 ? 0 : watch.generation + 1
        free.append(watch.slot)
        return true
    }

    /// Who hears of an event with `token`; nil when the watch is gone or the token is the poller's own.
    func observer(of token: UInt64) -> (any DescriptorObserver)? {
        let index = Int(token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token >> 32) else { return nil }
        return unsafe slots[index].observer
    }
}
