internal import Actors
internal import Glibc

/// Reads a file on the blocking pool.
enum FileReading {
    /// Why a file is not sent.
    struct Failure: Error { let reason: String }

    /// The file's bytes; `nil` when there is none.
    ///
    /// - Throws: `Failure` for what is no ordinary file, cannot be read, or is longer than `limit`.
    static func read(_ path: String, atMost limit: Int) async throws -> [UInt8]? {
        try await blocking { () throws(Failure) in try readHere(path, limit) }
    }

    private static func readHere(_ path: String, _ limit: Int) throws(Failure) -> [UInt8]? {
        // Without waiting, or to open a pipe would wait for whoever writes to it.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw Failure(reason: "cannot open \(path): errno \(errno)")
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(reason: "\(path) is no ordinary file")
        }
        guard status.st_size <= limit else {
            throw Failure(reason: "\(path) has \(status.st_size) bytes, over \(limit)")
        }
        return try readAll(descriptor, path, Int(status.st_size))
    }

    /// As much as there was when it was measured, even if it grows meanwhile.
    private static func readAll(_ descriptor: Int32, _ path: String, _ size: Int) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        var count = 0
        while count < size {
            let part = unsafe bytes.withUnsafeMutableBytes { memory in
                unsafe Glibc.read(descriptor, memory.baseAddress.map { unsafe $0 + count }, size - count)
            }
            if part == 0 { break }
            guard part > 0 || errno == EINTR else { throw Failure(reason: "cannot read \(path): errno \(errno)") }
            count += max(part, 0)
        }
        return Array(bytes.prefix(count))
    }
}
