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
        // Safety: as for arrays: native UTF-8 of more than 15 bytes lies in a heap object or in constant data; `withUTF8`
        // has made `string` native, and shorter ones are never retained.
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
