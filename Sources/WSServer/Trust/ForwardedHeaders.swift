/// In which header fields the proxies in front of a server say for whom they ask.
///
/// Only one kind is read: a proxy sets one and passes the other on as the client sent it, so whoever believes both believes
/// the client.
public enum ForwardedHeaders: Sendable, Hashable {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, as nearly all proxies write them.
    case xForwarded
    /// `Forwarded` (RFC 7239).
    case forwarded
}
