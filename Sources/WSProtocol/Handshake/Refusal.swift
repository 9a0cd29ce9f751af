public import HTTPTypes

/// A refused request: a whole HTTP answer, after which the connection is closed (RFC 9110 section 15).
public struct Refusal: Error, Hashable, Sendable {
    public let status: Int
    /// Why, in words. It is the body, too.
    public let reason: String
    /// All fields of the answer.
    public let fields: HTTPFields

    /// - Parameter fields: further fields, such as `WWW-Authenticate`. `Content-Length` and `Connection` are set here.
    public init(status: Int, reason: String, fields: HTTPFields = [:]) {
        self.status = status
        self.reason = reason
        var all = fields
        all[.contentType] = fields[.contentType] ?? "text/plain; charset=utf-8"
        all[.contentLength] = String(reason.utf8.count)
        // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
        all[.connection] = fields[.upgrade] == nil ? "close" : "close, Upgrade"
        all[.transferEncoding] = nil
        self.fields = all
    }

    /// The answer to a head that could not be read.
    public init(_ error: HeadError) {
        self.init(status: error.status, reason: error.message)
    }

    /// The bytes of the whole answer.
    public var bytes: [UInt8] {
        ResponseHead(status: status, fields: fields).bytes + reason.utf8
    }
}
