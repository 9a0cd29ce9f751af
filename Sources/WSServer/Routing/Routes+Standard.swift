/// What most servers have beside their own routes.
///
/// Each asks the server's authorisation hook or not, as its parameter `authorize` says. By default `health` and `readiness`, which
/// say one word to whoever asks, do not, and `metrics` and `file` do, as all other routes.
extension Routes {
    /// Answers 200 as long as the server runs: for whoever restarts it otherwise.
    ///
    /// - Parameter authorize: who is asked before; default: nobody. `.asServer`: the server's hook.
    public mutating func health(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .own(nil)) {
        let maker = Resource.Maker.server { _ in ServerResponse(headers: [.cacheControl: "no-store"], text: "ok\n") }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize, isProbe: true))
    }

    /// Answers 200 while the server takes new connections, and 503 when it does not: for whoever sends it new clients.
    ///
    /// - Parameter authorize: as for `health`.
    public mutating func readiness(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .own(nil)) {
        let maker = Resource.Maker.server { settings in
            let isReady = settings.load.isReady
            return ServerResponse(
                status: isReady ? .ok : .serviceUnavailable, headers: [.cacheControl: "no-store"],
                text: isReady ? "ready\n" : "not ready\n")
        }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize, isProbe: true))
    }

    /// Answers with the server's numbers, `ServerStatistics.prometheusText`.
    ///
    /// - Parameter authorize: who is asked before; default: the server's hook. `.own(nil)`: nobody, where only Prometheus can reach
    ///   the server; another hook where it has credentials of its own.
    public mutating func metrics(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer) {
        let maker = Resource.Maker.server { settings in
            let statistics = await settings.load.reports.statistics(settings.load)
            return ServerResponse(
                headers: [.contentType: ServerStatistics.prometheusContentType, .cacheControl: "no-store"],
                text: statistics.prometheusText)
        }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize))
    }

    /// Answers GET and HEAD with a file, as it is at each request.
    ///
    /// It is read off the schedulers, 64 KiB at a time, as the peer takes it; a peer that takes nothing for `writeTimeout` is cut.
    /// The answer has `ETag` and `Last-Modified`, conditions get 304 or 412, and one range of bytes is answered with 206 (RFC
    /// 9110 sections 13 and 14).
    ///
    /// - Parameters:
    ///   - path: where it stands on the server.
    ///   - file: its path on this machine. A file that is not there is answered with 404, what is no ordinary file with 500.
    ///   - contentType: default: by the ending of its name.
    ///   - maxSize: a longer file, in bytes, is not sent, but answered with 500; default `nil`: any is sent.
    ///   - authorize: who is asked before; default: the server's hook.
    public mutating func file(
        _ path: String, at file: String, contentType: String? = nil, maxSize: Int? = nil,
        authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer
    ) {
        let type = contentType ?? ContentTypes.type(ofFile: file)
        get(path, authorize: authorize) { request in
            guard let opened = try await ServedFile.open(file, atMost: maxSize) else {
                return ServerResponse(status: .notFound, text: "not found\n")
            }
            return opened.response(to: request, contentType: type)
        }
    }
}
