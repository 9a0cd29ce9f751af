import Actors
import Dispatch
import HansomTransport
import SocketTesting
import Testing

@testable import WSClient

/// A server that says no before it has the request, and hangs up: what it said counts, not that the request could not
/// be written.
@Suite(.timeLimit(.minutes(1))) struct EarlyAnswerTests {
    private static let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nwho goes?"

    /// The error of connecting to a server that says `words` and resets the connection: before the client's request, or
    /// as soon as there is a connection.
    private func failed(_ words: String, beforeRequest: Bool) async throws -> WebSocketError {
        let (isAsking, hasReset) = (Handover<Bool>(), DispatchSemaphore(value: 0))
        return try await withScriptedServer { socket in
            if beforeRequest { _ = await isAsking.take() }
            try await socket.send(words)
            await socket.reset()
            hasReset.signal()
        } _: { url in
            try await withSchedulers { schedulers in
                var options = ConnectOptions.patient
                options.scheduler = schedulers.schedulers[0]
                // The client's own thread waits, so that its request comes too late every time.
                options.onHandshake = { step in
                    guard case .request = step else { return }
                    isAsking.give()
                    _ = hasReset.wait(timeout: .now() + .seconds(20))
                }
                let asked = options
                let error = await failure { _ = try await WebSocket.connect(to: url, options: asked) }
                return try #require(error)
            }
        }
    }

    @Test(arguments: [true, false])
    func `hears an answer whose server has reset the connection (C3, C9)`(beforeRequest: Bool) async throws {
        for _ in 0..<20 {
            let error = try await failed(Self.answer, beforeRequest: beforeRequest)
            #expect(error.code == .http && error.response?.status == 403, "\(error)")
            #expect(error.response?.body == Array("who goes?".utf8) && !error.mayPass)
        }
    }

    @Test(arguments: [true, false])
    func `still says that the connection was reset when nothing was said (C3, T30)`(beforeRequest: Bool) async throws {
        let error = try await failed("", beforeRequest: beforeRequest)
        #expect(error.code == .connectionLost && error.mayPass, "\(error)")
    }

    @Test func `hears it over a pipe in memory too (C3, C10)`() async throws {
        let pipe = BytePipe()
        try await pipe.write(Array(Self.answer.utf8))
        await pipe.close()
        let error = await failure {
            _ = try await WebSocket.connect(over: pipe, to: "ws://inner.example/", options: .patient)
        }
        #expect(
            error?.code == .http && error?.response?.body == Array("who goes?".utf8), "\(String(describing: error))")
    }
}
