internal import Actors
internal import Glibc

/// Reading whole files.
enum FileContent {
    /// A configuration is smaller than this.
    static let longest = 1 << 20

    /// Reads a file of at most so many bytes. Blocks.
    static func read(_ path: String, atMost longest: Int = longest) throws(SystemError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(call: "open", errno: errno) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        while true {
            let piece = try readPiece(descriptor)
            if piece.isEmpty { return content }
            content += piece
            guard content.count <= longest else { throw SystemError(call: "read", errno: EFBIG) }
        }
    }

    private static func readPiece(_ descriptor: Int32) throws(SystemError) -> [UInt8] {
        while true {
            var failure: Int32 = 0
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                let got = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if got < 0 { failure = errno }
                count = max(got, 0)
            }
            if failure == 0 { return piece }
            guard failure == EINTR else { throw SystemError(call: "read", errno: failure) }
        }
    }
}
