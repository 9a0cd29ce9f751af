package import HTTPTypes

/// A whole HTTP/1.1 answer (RFC 9112 sections 2.1 and 6.3): the fields that frame it are set here and nowhere else.
package struct Answer: Sendable {
    package var status: Int
    package var fields: HTTPFields
    package var body: [UInt8]
    /// How long the content is, where it is sent piece by piece behind these bytes; `nil`: `body` is all of it.
    package var length: Int?

    /// What the encoder says itself.
    private static let ownNames: Set<HTTPField.Name> = [.contentLength, .transferEncoding, .connection]

    package init(status: Int, fields: HTTPFields, body: [UInt8], length: Int? = nil) {
        self.status = status
        self.fields = fields
        self.body = body
        self.length = length
    }

    package init(_ refusal: Refusal) {
        self.init(status: refusal.status, fields: refusal.fields, body: Array(refusal.reason.utf8))
    }

    /// The bytes on the wire.
    ///
    /// - Parameters:
    ///   - isToHead: whether HEAD was asked: the length is told, the body left out (RFC 9110 section 9.3.2).
    ///   - keepsAlive: whether another request may follow.
    package func bytes(isToHead: Bool, keepsAlive: Bool) -> [UInt8] {
        var all = fields.filter { !Self.ownNames.contains($0.name) }
        if hasContent { all.append(HTTPField(name: .contentLength, value: String(length ?? body.count))) }
        let options = (keepsAlive ? [] : ["close"]) + (all.contains { $0.name == .upgrade } ? ["Upgrade"] : [])
        if !options.isEmpty { all.append(HTTPField(name: .connection, value: options.joined(separator: ", "))) }
        let head = ResponseHead(status: status, fields: HTTPFields(all))
        return head.bytes + (isToHead || !hasContent ? [] : body)
    }

    /// Neither 204 nor 304 has any (RFC 9110 sections 15.3.5 and 15.4.5).
    package var hasContent: Bool { status != 204 && status != 304 }
}
