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
