import Actors
import Glibc
import HansomTransport
import Testing

extension SocketAddress {
    /// Port 0 of the loopback, or a path.
    static func loopback(_ family: Int32 = AF_INET, path: String = "") throws -> SocketAddress {
        switch family {
        case AF_UNIX: .unix(path: path)
        case AF_INET6: try #require(SocketAddress(numeric: "::1", port: 0))
        default: try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        }
    }
}

/// Takes the connection that has been made or is being made.
func accept(_ listener: ListeningSocket) async throws -> Int32 {
    while true {
        if let (descriptor, _) = try Socket.accept(listener.descriptor) { return descriptor }
        await Task.yield()
    }
}

/// A path where nothing is, removed with what comes to stand there.
final class TemporaryPath {
    let text: String

    init() {
        var template = Array("/tmp/hansom-XXXXXX".utf8CString)
        let folder = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }.map { unsafe String(cString: $0) }
        }
        text = (folder ?? "/tmp") + "/socket"
    }

    deinit {
        _ = unsafe unlink(text)
        _ = unsafe rmdir(String(text.dropLast("/socket".count)))
    }

    var exists: Bool {
        var status = stat()
        return unsafe lstat(text, &status) == 0
    }
}
