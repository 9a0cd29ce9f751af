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

    /// Answers GET with a file, which is read at each request, off the schedulers.
    ///
    /// - Parameters:
    ///   - path: where it stands on the server.
    ///   - file: its path on this machine. A file that is not there is answered with 404.
    ///   - contentType: default: by the ending of its name.
    ///   - maxSize: a longer file is not sent, but answered with 500; default 1 MiB.
    public mutating func file(
        _ path: String, at file: String, contentType: String? = nil, maxSize: Int = 1 << 20
    ) {
        let type = contentType ?? ContentTypes.type(ofFile: file)
        get(path) { _ in
            guard let bytes = try await FileReading.read(file, atMost: maxSize) else {
                return ServerResponse(status: .notFound, text: "not found\n")
            }
            return ServerResponse(headers: [.contentType: type], body: bytes)
        }
    }
}
