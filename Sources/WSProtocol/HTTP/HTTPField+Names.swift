package import HTTPTypes

extension HTTPField.Name {
    /// `Host` (RFC 9110 section 7.2). The type library wants it spelt `:authority`, which is for later versions of HTTP.
    package static let hostField = HTTPField.Name("Host")!
}
