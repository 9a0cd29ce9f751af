import CTLS

/// The SHA-256 digest.
package enum SHA256 {
    /// The 32 bytes that stand for `bytes`.
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        // Safety: the digest is 32 bytes long, and the capacity is too.
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, initialized in
            var count: UInt32 = 0
            unsafe EVP_Digest(bytes, bytes.count, buffer.baseAddress, &count, EVP_sha256(), nil)
            initialized = Int(count)
        }
    }
}
