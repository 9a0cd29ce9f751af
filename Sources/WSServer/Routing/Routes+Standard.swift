/// What most servers have beside their own routes.
extension Routes {
    /// Answers 200 as long as the server runs: for whoever restarts it otherwise. The authorisation hook is not asked.
    public mutating func health(_ path: String) {
        add(
            .get, path, .server { _ in ServerResponse(headers: [.cacheControl: "no-store"], text: "ok\n") },
            isOpen: true)
    }

    /// Answers 200 while the server takes new connections, and 503 when it does not: for whoever sends it new clients. The
    /// authorisation hook is not asked.
    public mutating func readiness(_ path: String) {
        add(
            .get, path,
            .server { settings in
                let isReady = settings.load.isReady
                return ServerResponse(
                    status: isReady ? .ok : .serviceUnavailable, headers: [.cacheControl: "no-store"],
                    text: isReady ? "ready\n" : "not ready\n")
            }, isOpen: true)
    }

    /// Answers with the server's numbers, `ServerStatistics.prometheusText`.
    public mutating func metrics(_ path: String) {
        add(
            .get, path,
            .server { settings in
                let statistics = await settings.load.reports.statistics(settings.load)
                return ServerResponse(
                    headers: [.contentType: ServerStatistics.prometheusContentType, .cacheControl: "no-store"],
                    text: statistics.prometheusText)
            })
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
    public mutating func file(_ path: String, at file: String, contentType: String? = nil, maxSize: Int? = nil) {
        let type = contentType ?? ContentTypes.type(ofFile: file)
        get(path) { request in
            guard let opened = try await ServedFile.open(file, atMost: maxSize) else {
                return ServerResponse(status: .notFound, text: "not found\n")
            }
            return opened.response(to: request, contentType: type)
        }
    }
}
