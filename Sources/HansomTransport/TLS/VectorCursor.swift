import Glibc

/// A place in a list of byte ranges, which hands them out as chunks.
@safe struct VectorCursor {
    private let vectors: UnsafeBufferPointer<iovec>
    private var index = 0
    private var offset = 0

    /// The vectors, and the bytes that they name, must outlive the cursor.
    init(_ vectors: UnsafeBufferPointer<iovec>) {
        unsafe self.vectors = vectors
        skipEmpty()
    }

    var isAtEnd: Bool { unsafe index == vectors.count }

    /// Lends the next bytes as one range, at most `limit` and no fewer than that unless fewer are left.
    ///
    /// A vector that is long enough, or the last, is lent where it is; several short ones are copied together, so that a
    /// frame's header and payload share a TLS record.
    func withChunk<Result>(of limit: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // Safety: `index` is less than the count while not at the end, and `offset` less than the vector's length.
        let first = unsafe UnsafeRawBufferPointer(rebasing: rest(of: vectors[index], from: offset).prefix(limit))
        if first.count == limit || isLast { return unsafe body(first) }
        return unsafe withUnsafeTemporaryAllocation(byteCount: size(upTo: limit), alignment: 1) { scratch in
            var filled = 0
            var offset = offset
            for index in unsafe index..<vectors.count where filled < scratch.count {
                let part = unsafe rest(of: vectors[index], from: offset).prefix(scratch.count - filled)
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[filled...])
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
                unsafe filled += part.count
                offset = 0
            }
            return unsafe body(UnsafeRawBufferPointer(scratch))
        }
    }

    /// Moves on by so many bytes, which were lent before.
    mutating func advance(by count: Int) {
        offset += count
        // Safety: `index` is checked against the count first.
        while unsafe index < vectors.count, offset > 0, unsafe offset >= vectors[index].iov_len {
            unsafe offset -= vectors[index].iov_len
            index += 1
        }
        skipEmpty()
    }

    private var isLast: Bool {
        // Safety: the slice begins at or before the end.
        unsafe vectors[(index + 1)...].allSatisfy { unsafe $0.iov_len == 0 }
    }

    private mutating func skipEmpty() {
        // Safety: `index` is checked against the count first.
        while unsafe index < vectors.count, unsafe vectors[index].iov_len == 0 { index += 1 }
    }

    private func size(upTo limit: Int) -> Int {
        var size = -offset
        // Safety: each index is within the count.
        for index in unsafe index..<vectors.count where size < limit { unsafe size += vectors[index].iov_len }
        return min(size, limit)
    }

    private func rest(of vector: iovec, from offset: Int) -> Slice<UnsafeRawBufferPointer> {
        // Safety: `offset` is at most the vector's length.
        unsafe UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len).dropFirst(offset)
    }
}
