import HTTPTypes

extension HTTPFields {
    /// Refuses what would let two parties read one message differently (RFC 9112 sections 3.2 and 6.3).
    func checkFraming() throws(HeadError) {
        for name in [HTTPField.Name.hostField, .contentLength, .secWebSocketKey] where self[values: name].count > 1 {
            throw .badRequest(
                "\(self[values: name].count) fields named \(name.canonicalName); one is allowed (RFC 9110 section 5.3)")
        }
        guard let length = self[.contentLength] else { return }
        guard self[.transferEncoding] == nil else {
            throw .badRequest("Content-Length beside Transfer-Encoding (RFC 9112 section 6.3)")
        }
        guard !length.isEmpty, length.utf8.allSatisfy(\.isDigit), Int(length) != nil else {
            throw .badRequest("Content-Length that is not a number of bytes (RFC 9110 section 8.6)")
        }
    }
}

extension RequestHead {
    /// Refuses a request that does not say which host it is for (RFC 9112 section 3.2). HTTP/1.0 need not say it.
    func checkHost() throws(HeadError) {
        guard let host = fields[.hostField] else {
            if isHTTP10 { return }
            throw .badRequest("no Host; an HTTP/1.1 request has one (RFC 9112 section 3.2)")
        }
        guard Authority(host) != nil else {
            throw .badRequest("Host that is not a host with an optional port (RFC 9110 section 7.2)")
        }
    }
}
