internal import Actors
internal import Glibc
internal import HTTPTypes
internal import HansomHTTP
internal import WSConnection
internal import WSProtocol

/// A file that a request is answered with: open from the answer's first byte to its last, so that all of them are of
/// one version.
final class ServedFile: Sendable {
    /// Why a file is not sent.
    struct Failure: Error, Equatable { let reason: String }

    private let descriptor: Int32
    private let path: String
    private let representation: Representation

    private init(_ descriptor: Int32, _ path: String, _ status: stat) {
        self.descriptor = descriptor
        self.path = path
        let changed = status.st_mtim
        // Who writes a file twice within the clock's resolution, and as long as before, gets the same tag.
        let parts = [Int(changed.tv_sec), Int(changed.tv_nsec), Int(status.st_size)].map { String($0, radix: 16) }
        representation = Representation(
            entityTag: "\"\(parts.joined(separator: "-"))\"", lastModified: Int64(changed.tv_sec),
            length: Int(status.st_size))
    }

    deinit { close(descriptor) }

    /// Opens a file, on the blocking pool; `nil` when there is none.
    ///
    /// - Throws: `Failure` for what is no ordinary file, cannot be read, or is longer than `limit`.
    static func open(_ path: String, atMost limit: Int?) async throws -> ServedFile? {
        try await blockingInAnyCase { () throws(Failure) in try openHere(path, limit) }
    }

    private static func openHere(_ path: String, _ limit: Int?) throws(Failure) -> ServedFile? {
        // Without waiting, or to open a pipe would wait for whoever writes to it.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw Failure(reason: "cannot open \(path): errno \(errno)")
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Failure(reason: "\(path) is no ordinary file")
        }
        let file = ServedFile(descriptor, path, status)
        guard file.representation.length <= limit ?? .max else {
            throw Failure(reason: "\(path) has \(file.representation.length) bytes, over \(limit ?? 0)")
        }
        return file
    }

    /// What a request gets of it.
    func response(to request: WebSocket.Request, contentType: String) -> ServerResponse {
        let length = representation.length
        var headers: HTTPFields = [
            .eTag: representation.entityTag, .acceptRanges: "bytes",
            .lastModified: CalendarTime(secondsSince1970: representation.lastModified).http,
        ]
        switch representation.selection(for: request.headers, isHead: request.method == "HEAD") {
        case .notModified: return ServerResponse(status: .notModified, headers: headers)
        case .preconditionFailed:
            return ServerResponse(
                status: .preconditionFailed, headers: headers, text: "this version is not there any more\n")
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(length)"
            return ServerResponse(status: .rangeNotSatisfiable, headers: headers, text: "there are \(length) bytes\n")
        case .whole:
            headers[.contentType] = contentType
            return ServerResponse(status: .ok, headers: headers, pieces: pieces(0..<length))
        case .part(let range):
            headers[.contentType] = contentType
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
            return ServerResponse(status: .partialContent, headers: headers, pieces: pieces(range))
        }
    }

    private func pieces(_ range: Range<Int>) -> ResponsePieces {
        ResponsePieces(length: range.count) { [self] offset, count in
            try await blockingInAnyCase { () throws(Failure) in try self.read(at: range.lowerBound + offset, count) }
        }
    }

    private func read(at offset: Int, _ count: Int) throws(Failure) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
            var part: Int
            repeat {
                part = unsafe pread(descriptor, memory.baseAddress, count, off_t(offset))
            } while part < 0 && errno == EINTR
            if part < 0 { failure = errno }
            filled = max(part, 0)
        }
        guard failure == 0 else { throw Failure(reason: "cannot read \(path): errno \(failure)") }
        guard !bytes.isEmpty else { throw Failure(reason: "\(path) became shorter while it was sent") }
        return bytes
    }
}

/// What the ending of a file's name says of its content, for what a page consists of.
enum ContentTypes {
    private static let byExtension: [String: String] = [
        "html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
        "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8",
        "json": "application/json", "xml": "application/xml", "pdf": "application/pdf", "wasm": "application/wasm",
        "svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
        "webp": "image/webp", "ico": "image/x-icon", "woff2": "font/woff2",
    ]

    /// The media type; for an ending that is not known, bytes that a browser does not try to show.
    static func type(ofFile path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: ".") else { return unknown }
        return byExtension[name[name.index(after: dot)...].lowercased()] ?? unknown
    }

    private static let unknown = "application/octet-stream"
}
