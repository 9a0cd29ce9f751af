import Foundation
import HTTPTypes
import SocketTesting
import Testing
import WSServer

/// Clients that others have made, libraries in four languages and a browser, each with all its scenarios.
@Suite(.timeLimit(.minutes(5))) struct RealClientTests {
    @Test(arguments: RealClient.Manner.all)
    func `serves real clients of seven makes at once (T31) (S8) (W7) (W8) (W17)`(manner: RealClient.Manner) async throws
    {
        try await run(RealClient.allCases, manner)
    }

    @Test(arguments: RealClient.allCases) func `serves a real client alone (T31) (S8) (W7) (W17)`(client: RealClient)
        async throws
    {
        try await run([client], RealClient.Manner(isSecure: true, deflates: true))
    }

    /// Runs them all against one server.
    private func run(_ clients: [RealClient], _ manner: RealClient.Manner) async throws {
        // What they need is made ready first, so that they begin together.
        _ = try await CompiledPeers.shared
        let (reports, reported) = AsyncStream<String>.makeStream()
        let certificates = try await Certificates.shared
        let server = try await WebSocketServer.listen(
            port: 0, options: options(manner, certificates), routes: try routes(reported))
        let place = RealClient.Place(
            port: server.address.port ?? 0, manner: manner, certificates: certificates, reports: reports)
        try await withThrowingTaskGroup(of: (RealClient, String).self) { group in
            for client in clients {
                group.addTask { (client, try await client.output(at: place)) }
            }
            for try await (client, text) in group { expect(text, from: client, manner) }
        }
        #expect(await eventually { server.connectionCount == 0 })
        await server.shutdown(within: .seconds(5))
    }

    private func options(_ manner: RealClient.Manner, _ certificates: Certificates) -> ServerOptions {
        var options = ServerOptions()
        options.subprotocols = .preferring(["superchat", "chat"])
        // libwebsockets hands a message that is not compressed over twice once compression is agreed on: its issue
        // 2794.
        if manner.deflates { options.compression = CompressionOptions(threshold: 0) }
        if manner.isSecure { options.tls = TLSServerOptions(identity: certificates.identity("server")) }
        return options
    }

    private func routes(_ reported: AsyncStream<String>.Continuation) throws -> Routes {
        let file = Program.root.appendingPathComponent("Tests/Peers/chromium.html")
        let page = try String(contentsOf: file, encoding: .utf8)
        var routes = Routes()
        routes.webSocket("/echo", ForeignClientTests.echo)
        // libwebsockets asks for this.
        routes.webSocket("/", ForeignClientTests.echo)
        routes.get("/page") { _ in
            ServerResponse(headers: [.contentType: "text/html; charset=utf-8"], body: Array(page.utf8))
        }
        routes.post("/done") { request in
            reported.yield(String(decoding: request.body, as: UTF8.self))
            return ServerResponse(text: "thank you")
        }
        return routes
    }

    private func expect(_ text: String, from client: RealClient, _ manner: RealClient.Manner) {
        let results = text.split(separator: "\n").compactMap { line in
            try? JSONDecoder().decode(ForeignClientTests.Result.self, from: Data(line.utf8))
        }
        #expect(results.count == client.scenarioCount(manner), "\(client): \(text)")
        for result in results { #expect(result.ok, "\(client) \(result.scenario): \(result.detail)") }
    }
}
