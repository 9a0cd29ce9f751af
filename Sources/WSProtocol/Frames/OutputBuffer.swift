/// Bytes on their way out: small ones staged in one piece of memory, large payloads retained where they are.
///
/// The chunks, in order, are what `writev` wants. An empty buffer can give its storage back, so that an idle
/// connection holds none.
@safe
public struct OutputBuffer: ~Copyable, @unchecked Sendable {
    // Safety: `@unchecked` for the raw storage only, which this value alone owns: it is never shared, only moved.

    /// Payloads at least this long are retained instead of copied.
    static let retainThreshold = 8192
    private static let minimumCapacity = 512

    @usableFromInline var storage: UnsafeMutableRawBufferPointer?
    @usableFromInline var head = 0
    @usableFromInline var tail = 0
    /// How many staged bytes have been consumed ever: what the positions of the retained payloads count from.
    private var consumedStaged = 0
    private var retained: [RetainedPayload] = []
    private var firstRetained = 0
    @usableFromInline var retainedCount = 0

    /// An empty buffer, which holds no memory yet.
    public init() {
        unsafe storage = nil
    }

    deinit {
        unsafe storage?.deallocate()
    }

    /// How many bytes wait.
    @inlinable public var count: Int { tail &- head &+ retainedCount }

    /// Whether nothing waits.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// Takes everything, in one array.
    public mutating func drain() -> [UInt8] {
        var all: [UInt8] = []
        all.reserveCapacity(count)
        for index in 0..<chunkCount {
            unsafe all.append(contentsOf: chunk(index))
        }
        consume(count)
        return all
    }
}

// MARK: - Writing it out

extension OutputBuffer {
    /// How many pieces the bytes lie in.
    package var chunkCount: Int {
        let retainedLeft = retained.count &- firstRetained
        let startsRetained = stagedEnd(before: firstRetained) == head
        let endsRetained = retainedLeft > 0 && stagedEnd(before: retained.count &- 1) == tail
        guard retainedLeft > 0 else { return startsRetained ? 0 : 1 }
        return 2 &* retainedLeft &+ 1 &- (startsRetained ? 1 : 0) &- (endsRetained ? 1 : 0)
    }

    /// The `index`th piece. Valid until the buffer is next changed.
    ///
    /// Before each retained payload its frame's header is staged, so staged and retained pieces alternate.
    package func chunk(_ index: Int) -> UnsafeRawBufferPointer {
        let startsRetained = stagedEnd(before: firstRetained) == head
        let place = startsRetained ? index &+ 1 : index
        let following = firstRetained &+ place / 2
        guard place % 2 == 0 else { return unsafe retained[following].bytes }
        let start = place == 0 ? head : stagedEnd(before: following &- 1)
        let end = stagedEnd(before: following)
        // Safety: `head <= start <= end <= tail`, all within the storage; there is storage when there are chunks.
        return unsafe UnsafeRawBufferPointer(rebasing: storage.unsafelyUnwrapped[start..<end])
    }

    /// Forgets the first `count` bytes, which have been written: at most as many as there are.
    package mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        var left = count
        while left > 0 {
            let staged = min(left, stagedEnd(before: firstRetained) &- head)
            head &+= staged
            consumedStaged &+= staged
            left &-= staged
            if left > 0 { left &-= consumeRetained(left) }
        }
        if isEmpty { (head, tail) = (0, 0) }
    }

    private mutating func consumeRetained(_ wanted: Int) -> Int {
        let taken = min(wanted, unsafe retained[firstRetained].bytes.count)
        retainedCount &-= taken
        retained[firstRetained].dropFirst(taken)
        guard unsafe retained[firstRetained].bytes.isEmpty else { return taken }
        retained[firstRetained].release()
        firstRetained &+= 1
        // Half of the list is spent: the payloads behind move up, each of them once for every one that has gone.
        if firstRetained &* 2 >= retained.count {
            retained.removeFirst(firstRetained)
            firstRetained = 0
        }
        return taken
    }

    /// Where the staged bytes before the `index`th retained payload end; with none at `index`, all of them.
    private func stagedEnd(before index: Int) -> Int {
        index < retained.count ? retained[index].position &- consumedStaged &+ head : tail
    }
}

// MARK: - Storage

extension OutputBuffer {
    /// Whether there is staging storage, lent or own.
    @inlinable package var hasStorage: Bool { unsafe storage != nil }

    /// Gives the buffer memory to stage in. It owns it from now on.
    ///
    /// - Parameter storage: as `UnsafeMutableRawBufferPointer.allocate` returns it. The buffer must have none.
    package mutating func lend(_ storage: UnsafeMutableRawBufferPointer) {
        precondition(!hasStorage)
        unsafe self.storage = storage
    }

    /// Gives the staging storage back, lent or grown, when nothing waits.
    ///
    /// - Returns: what the caller now owns, or `nil` when something waits or there is none.
    package mutating func reclaim() -> UnsafeMutableRawBufferPointer? {
        guard isEmpty else { return nil }
        retained = []
        defer { unsafe storage = nil }
        return unsafe storage
    }

    /// Whether there is room for `count` bytes behind the staged ones.
    func hasRoom(for count: Int) -> Bool { unsafe (storage?.count ?? 0) &- tail >= count }

    /// Makes room for `count` bytes behind the staged ones.
    ///
    /// - Returns: where they are to be written; `commit` says how many were.
    mutating func reserve(_ count: Int) -> UnsafeMutableRawPointer {
        let capacity = unsafe storage?.count ?? 0
        if capacity &- tail < count { makeRoom(for: count, in: capacity) }
        // Safety: there is room for `count` bytes from `tail` on, so there is storage with an address.
        return unsafe storage.unsafelyUnwrapped.baseAddress.unsafelyUnwrapped + tail
    }

    /// Says that `count` of the reserved bytes have been written.
    mutating func commit(_ count: Int) {
        tail &+= count
    }

    /// Retains a payload behind what has been staged; its header must just have been staged.
    mutating func retain(_ payload: RetainedPayload) {
        var payload = payload
        payload.position = consumedStaged &+ tail &- head
        retainedCount &+= unsafe payload.bytes.count
        retained.append(payload)
    }

    /// Moves the staged bytes to the front, or to storage at least twice as large: either way a byte moves a constant
    /// number of times on average.
    private mutating func makeRoom(for count: Int, in capacity: Int) {
        let staged = tail &- head
        let old = unsafe storage
        // Safety: both regions hold `staged` bytes; `copyMemory` allows them to overlap.
        if staged &+ count <= capacity, staged <= head, let memory = unsafe old {
            unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
        } else {
            let wanted = max(staged &+ count, capacity &* 2, Self.minimumCapacity)
            let new = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 16)
            if let memory = unsafe old {
                unsafe new.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
                unsafe memory.deallocate()
            }
            unsafe storage = new
        }
        (head, tail) = (0, staged)
    }
}

/// A payload that is sent from where it lies.
@safe
struct RetainedPayload: @unchecked Sendable {
    // Safety: `@unchecked` for `bytes` only, which nobody writes to and which `owner` keeps alive.

    private enum Owner: Sendable {
        case none
        case array([UInt8])
        case string(String)
    }

    private var owner: Owner
    /// What has not been consumed.
    private(set) var bytes: UnsafeRawBufferPointer
    /// How many bytes had ever been staged before it.
    var position = 0

    init(_ array: [UInt8]) {
        owner = .array(array)
        // Safety: an array's elements lie in its heap object, which does not move and, since `owner` holds a reference,
        // neither goes nor is written to in place.
        unsafe bytes = array.withUnsafeBytes { unsafe $0 }
    }

    init(_ string: String) {
        var string = string
        // Safety: as for arrays: native UTF-8 of more than 15 bytes lies in a heap object or in constant data;
        // `withUTF8` has made `string` native, and shorter ones are never retained.
        unsafe bytes = string.withUTF8 { UnsafeRawBufferPointer($0) }
        owner = .string(string)
    }

    /// Forgets the first `count` bytes.
    mutating func dropFirst(_ count: Int) {
        // Safety: `count` is at most what is left; the caller took the minimum.
        unsafe bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
    }

    /// Lets the payload go.
    mutating func release() {
        owner = .none
    }
}
