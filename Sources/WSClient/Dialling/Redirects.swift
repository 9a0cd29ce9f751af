public import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// How far a client follows a server that sends it elsewhere (301, 302, 303, 307, 308).
public struct Redirects: Sendable, Hashable {
    /// How many it follows in one attempt; default 10. 0: none, and the answer is thrown as `.http`.
    public var limit = 10
    /// Whether it follows from `wss` to `ws`, where everyone on the path can read and change everything. Default: no.
    public var allowsInsecure = false
    /// Header fields that, like `Authorization`, `Cookie` and `Proxy-Authorization`, are not sent to another origin.
    /// Default: none; name here what holds a key of your own.
    public var privateHeaders: Set<HTTPField.Name> = []

    /// The defaults: up to ten redirects, none from `wss` to `ws`, and no private fields beside the three.
    public init() {}

    /// Follows none.
    public static let none: Redirects = {
        var none = Redirects()
        none.limit = 0
        return none
    }()
}

/// One request of an attempt to connect: the first, or one that a redirect led to.
struct Hop: Sendable {
    let url: WebSocketURL
    /// What the caller set, as far as it may go to this server.
    let headers: HTTPFields
    let tls: TLSClientOptions
    /// What `Host` is to say instead of the URL's host and port.
    let hostHeader: String?

    /// Why a redirect is not followed.
    enum Objection: Error, Equatable {
        case unusable(String)
        case insecure
        case localSocket
    }

    /// What gives whoever has it the rights of another (RFC 9110 section 15.4 and 17.16.3).
    private static let credentials: Set<HTTPField.Name> = [.authorization, .cookie, .proxyAuthorization]
    private static let redirectStatuses: Set<Int> = [301, 302, 303, 307, 308]

    /// The first hop. User and password of the URL become an `Authorization` field, unless there is one.
    init(_ url: WebSocketURL, headers: HTTPFields, tls: TLSClientOptions, hostHeader: String? = nil) {
        var headers = headers
        if let userinfo = url.userinfo, headers[.authorization] == nil {
            headers[.authorization] = userinfo.basicAuthorization
        }
        self.init(url: url, headers: headers, tls: tls, hostHeader: hostHeader)
    }

    private init(url: WebSocketURL, headers: HTTPFields, tls: TLSClientOptions, hostHeader: String? = nil) {
        self.url = url
        self.headers = headers
        self.tls = tls
        self.hostHeader = hostHeader
    }

    var place: WebSocketError.Place {
        url.unixPath.map { .init(host: $0, port: nil) } ?? .init(host: url.localHost, port: url.port)
    }

    /// Where an answer leads, if it is a redirect. One that names several places leads nowhere.
    static func location(of response: ResponseHead) -> String? {
        let places = Set(response.fields[values: .location])
        return redirectStatuses.contains(response.status) && places.count == 1 ? places.first : nil
    }

    /// The request that a redirect asks for. User and password in `location` are ignored: they would be the server's.
    func following(_ location: String, _ rules: Redirects) throws(Objection) -> Hop {
        let target: WebSocketURL
        do {
            target = try url.resolving(location)
        } catch {
            throw .unusable("\(error)")
        }
        guard target.unixPath == nil || url.unixPath != nil && !location.lowercased().hasPrefix("ws+unix") else {
            throw .localSocket
        }
        guard target.isSecure || !url.isSecure || rules.allowsInsecure else { throw .insecure }
        if target.origin == url.origin && target.unixPath == url.unixPath {
            return Hop(url: target, headers: headers, tls: tls, hostHeader: hostHeader)
        }
        return leaving(for: target, rules)
    }

    /// To another origin: what proves who the client is stays behind, for good.
    private func leaving(for target: WebSocketURL, _ rules: Redirects) -> Hop {
        let secrets = Hop.credentials.union(rules.privateHeaders)
        var tls = tls
        tls.identity = nil
        // It was the name of the server that is left.
        tls.serverName = nil
        return Hop(url: target, headers: headers.filter { !secrets.contains($0.name) }, tls: tls)
    }
}
