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

    /// Leaves of an answer's framing what is sure (RFC 9112 section 6.3): of lengths that are all the same one, and none that
    /// contradict each other or stand beside `Transfer-Encoding`, which goes before them.
    ///
    /// - Returns: what was wrong, if anything.
    mutating func settleFraming() -> HeadError? {
        do {
            try checkFraming()
            return nil
        } catch {
            let values = self[values: .contentLength].flatMap { $0.utf8.split(separator: UInt8(ascii: ",")) }
            let lengths = Set(values.map { String(decoding: $0.trimmingWhitespace, as: UTF8.self) })
            let length = lengths.count == 1 ? lengths.first : nil
            let isSure = self[.transferEncoding] == nil && length?.utf8.allSatisfy(\.isDigit) == true
            self[.contentLength] = isSure ? length.flatMap { Int($0) }.map { "\($0)" } : nil
            return error
        }
    }
}

extension RequestHead {
    /// Refuses a target that has none of the four forms, or one that is not the method's (RFC 9112 section 3.2). What it says
    /// is not repeated: it may hold a secret.
    package func checkTarget() throws(HeadError) {
        switch RequestTarget(target).form {
        case .origin where method != .connect, .absolute where method != .connect: return
        case .asterisk where method == .options: return
        case .authority where method == .connect: return
        case .asterisk: throw .badRequest("target *, which is for OPTIONS only (RFC 9112 section 3.2.4)")
        case .authority:
            throw .badRequest("target that is a host and port, which is for CONNECT only (RFC 9112 section 3.2.3)")
        default:
            let allowed = method == .connect ? "a host and port" : "a path, or an http or https URL with a host"
            throw .badRequest("target that is not \(allowed) (RFC 9112 section 3.2)")
        }
    }

    /// The host that the request is for: "the origin server MUST ignore the received Host header field (if any) and instead
    /// use the host information of the request-target" where that is a URL (RFC 9112 section 3.2.2).
    var effectiveHost: String? { RequestTarget(target).host ?? fields[.hostField] }

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
