import Glibc
import Testing

/// A request without a client library.
enum PlainHTTP {
    /// Asks for a path of a server on this machine, and returns the answer: its head and its content.
    static func get(_ path: String, port: UInt16) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            let generic = unsafe UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return unsafe connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        try #require(status == 0)
        let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n".utf8)
        _ = unsafe request.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        var answer: [UInt8] = []
        while true {
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                count = unsafe max(0, read(descriptor, buffer.baseAddress, buffer.count))
            }
            if piece.isEmpty { return String(decoding: answer, as: UTF8.self) }
            answer += piece
        }
    }

    /// The same for a URL like `http://127.0.0.1:9100/metrics`.
    static func get(url: String) throws -> String {
        let parts = url.split(separator: "/", omittingEmptySubsequences: true)
        let port = try #require(UInt16(parts[1].split(separator: ":")[1]))
        return try get("/" + parts.dropFirst(2).joined(separator: "/"), port: port)
    }
}
