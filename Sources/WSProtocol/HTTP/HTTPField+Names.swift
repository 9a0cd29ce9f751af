package import HTTPTypes

extension HTTPField.Name {
    /// `Host` (RFC 9110 section 7.2). The type library wants it spelt `:authority`, which is for later versions of HTTP.
    // The literal is a token, so there is a name.
    // swift-format-ignore: NeverForceUnwrap
    package static let hostField = HTTPField.Name("Host")!
}
