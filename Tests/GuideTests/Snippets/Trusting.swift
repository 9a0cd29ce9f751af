import WSServer

func trustForwardedHeaders() throws -> ServerOptions {
    // guide: trusted-proxies
    var options = ServerOptions()
    options.trustedProxies = [try IPRange("10.0.0.0/8"), try IPRange("::1"), .unixSockets]
    // end
    return options
}

func speakProxyProtocol() throws -> ServerOptions {
    // guide: proxy-protocol
    var options = ServerOptions()
    options.proxyProtocol = [try IPRange("10.0.0.5")]
    // end
    return options
}

func checkCredentials(tokens: Set<String>) -> ServerOptions {
    // guide: credentials
    var options = ServerOptions()
    options.authorize = { request in
        if let token = BearerToken(request.headers), token.matches(anyOf: tokens) { return .accept }
        return .refuse(ServerResponse(status: .unauthorized, headers: [.wwwAuthenticate: "Bearer"]))
    }
    // end
    return options
}
