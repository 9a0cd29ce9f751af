/// The first bytes of a header whose rest has not come.
struct PartialHeader: Sendable {
    private var bytes: InlineArray<14, UInt8> = InlineArray(repeating: 0)
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ byte: UInt8) {
        bytes[count] = byte
        count &+= 1
    }

    mutating func clear() {
        count = 0
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = count
        // Safety: the pointer lives for this call only, and at most 14 of the array's 14 bytes are shown.
        return unsafe withUnsafeBytes(of: bytes) { unsafe body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
