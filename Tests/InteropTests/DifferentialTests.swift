import Testing
import WSServer

/// Another implementation as the judge of random streams, most of them broken.
@Suite(.timeLimit(.minutes(5))) struct DifferentialTests {
    @Test func `ends connections with the codes that the websockets library gives them (W9) (W10)`() async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: ForeignClientTests.echo)
        // The same streams each time; by hand, without a seed, it tries others.
        let program = try Program.peer(
            "differential", ["\(server.address.port ?? 0)", "--cases", "150", "--seed", "1"])
        let (text, status) = await program.output()
        #expect(status == 0, "\(text)")
        await server.shutdown(within: .seconds(5))
    }
}
