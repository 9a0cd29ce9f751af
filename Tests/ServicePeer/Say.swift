internal import Glibc

/// Writes to standard output at once, without a buffer.
func say(_ text: String) {
    let bytes = Array(text.utf8)
    // Safety: the bytes live during the call.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
}
