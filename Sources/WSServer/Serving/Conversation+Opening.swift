internal import Actors
internal import WSConnection
internal import WSProtocol

/// The end of the requests: a WebSocket.
extension Conversation {
    /// Judges a request, asks the hook, and opens a WebSocket.
    func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ service: WebSocketService
    ) async throws(Ending) -> WebSocket? {
        var seen = seen
        let acceptance = try await judge(request, service)
        try await authorize(&seen, request, service.authorize)
        return try await open(request, seen, service, acceptance)
    }

    /// The same from inside a route, before which the hook was asked.
    func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ handling: ServerSettings.Handling,
        _ options: RouteOptions
    ) async throws(Ending) -> WebSocket? {
        let service: WebSocketService
        do {
            service = try WebSocketService(handling, options.applied(to: settings.options))
        } catch {
            throw .refused(Refusal(status: 500, reason: "internal error\n"))
        }
        let acceptance = try await judge(request, service)
        return try await open(request, seen, service, acceptance)
    }

    private func judge(_ request: IncomingRequest, _ service: WebSocketService) async throws(Ending) -> Acceptance {
        switch service.evaluate(request.head, isTLS: tls != nil || isSecureAtProxy, externalOrigin) {
        case .accept(let acceptance): return acceptance
        case .refuse(let refusal):
            try await write(Answer(refusal), keepsAlive: false, reason: refusal.reason)
            throw .over
        }
    }

    private func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ service: WebSocketService, _ acceptance: Acceptance
    ) async throws(Ending) -> WebSocket {
        try await send(acceptance.responseBytes)
        limit(nil, "")
        let description = ConnectionDescription(
            peerAddress: peer, localAddress: local, subprotocol: acceptance.subprotocol,
            extensions: acceptance.extensions.map(\.description), tls: tls,
            routing: seen.routing.isEmpty ? nil : seen.routing, head: request.bytes)
        let connection = WebSocket(
            stream: driver.release(), scheduler: scheduler, role: .server, options: service.connection,
            compression: acceptance.compression, budget: settings.load.inbound, description: description)
        let rest = reader.takeRest()
        books.opened(connection, &visit) {
            connection.onOwnThread { connection in
                switch service.handling {
                case .perConnection(let handler): connection.start(handler)
                case .perMessage(let handler): connection.setMessageHandler(handler)
                }
                connection.begin(leftover: rest)
            }
        }
        return connection
    }
}
