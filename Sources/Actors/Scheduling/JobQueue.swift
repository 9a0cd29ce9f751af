/// The jobs that are ready on one scheduler: a ring that doubles when it is full.
@usableFromInline
@safe struct JobQueue: ~Copyable {
    // Safety: `ring` holds `mask + 1` slots; those from `head` on, `count` of them, are initialised.
    @usableFromInline var ring: UnsafeMutablePointer<UnownedJob>
    @usableFromInline var mask: Int
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    init() {
        mask = 255
        unsafe ring = .allocate(capacity: 256)
    }

    @inlinable
    deinit { unsafe ring.deallocate() }

    var isEmpty: Bool { count == 0 }

    @inlinable
    mutating func append(_ job: UnownedJob) {
        if count > mask { grow() }
        unsafe (ring + ((head &+ count) & mask)).initialize(to: job)
        count &+= 1
    }

    mutating func popFirst() -> UnownedJob? {
        guard count > 0 else { return nil }
        let job = unsafe (ring + head).move()
        head = (head &+ 1) & mask
        count &-= 1
        return job
    }

    @usableFromInline
    mutating func grow() {
        let bigger = UnsafeMutablePointer<UnownedJob>.allocate(capacity: (mask + 1) * 2)
        for index in 0..<count {
            unsafe (bigger + index).initialize(to: (ring + ((head + index) & mask)).move())
        }
        unsafe ring.deallocate()
        unsafe ring = bigger
        mask = mask * 2 + 1
        head = 0
    }
}
