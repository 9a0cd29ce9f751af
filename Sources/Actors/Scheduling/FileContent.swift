internal import Glibc

/// What a file holds.
package enum FileContent {
    /// Reads all of a file. Blocks.
    ///
    /// - Parameter limit: how many bytes it may have.
    /// - Throws: what the system says; `EFBIG` for a file over the limit.
    package static func read(_ path: String, atMost limit: Int = .max) throws(SystemError) -> [UInt8] {
        // Safety: the path is a C string for the duration of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open", errno: errno) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            // Safety: at most the size of the piece is read into it.
            let count = unsafe piece.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw SystemError(call: "read", errno: errno) }
            if count == 0 { return content }
            content += piece[..<count]
            guard content.count <= limit else { throw SystemError(call: "read", errno: EFBIG) }
        }
    }
}
