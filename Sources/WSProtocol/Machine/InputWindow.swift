/// What is left to parse of one read: a view of the caller's memory, which is unmasked in place.
@safe
package struct InputWindow {
    /// The bytes not parsed yet.
    package var remaining: UnsafeMutableRawBufferPointer

    /// - Parameter bytes: memory that stays valid, and that nobody else touches, while the window is in use.
    package init(_ bytes: UnsafeMutableRawBufferPointer) {
        unsafe remaining = bytes
    }

    package var isEmpty: Bool { unsafe remaining.isEmpty }

    package var count: Int { unsafe remaining.count }

    /// Takes `count` bytes from the front; the caller has checked that they are there.
    mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
        // Safety: `count` is at most `remaining.count`, which every caller has just compared.
        let taken = unsafe UnsafeMutableRawBufferPointer(rebasing: remaining[..<count])
        unsafe remaining = UnsafeMutableRawBufferPointer(rebasing: remaining[count...])
        return unsafe taken
    }

    /// Puts back what `take` has just given, or the end of it.
    mutating func putBack(_ bytes: UnsafeMutableRawBufferPointer) {
        // Safety: both lie in the caller's memory, `bytes` straight before what remains.
        unsafe remaining = UnsafeMutableRawBufferPointer(
            start: bytes.baseAddress, count: bytes.count &+ remaining.count)
    }
}
