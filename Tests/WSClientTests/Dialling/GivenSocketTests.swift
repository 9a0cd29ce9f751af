import Actors
import Glibc
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// A WebSocket over a socket that was connected in some other way.
@Suite(.timeLimit(.minutes(1))) struct GivenSocketTests {
    /// Two sockets that are connected to each other.
    private func pair() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    private func serve(
        _ descriptor: Int32, _ script: @escaping @Sendable (RawSocket) async throws -> Void
    ) async -> Task<Void, any Error> {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let socket = RawSocket(descriptor: descriptor, on: SchedulerGroup.shared.next())
        return Task { try await script(socket) }
    }

    @Test func `connects over a socket that it is given, and ends it (C10)`() async throws {
        let (ours, theirs) = try pair()
        let serving = await serve(theirs) { socket in
            let request = try await socket.receiveHead()
            #expect(request.hasPrefix("GET /chat HTTP/1.1\r\nHost: inner.example\r\n"))
            try await socket.send(Array(Handshakes.response(to: request).utf8) + Frames.text("over it"))
            try await socket.answerClose()
        }
        let ws = try await WebSocket.connect(over: ours, to: "ws://inner.example/chat")
        #expect(try await ws.recv() == .text("over it"))
        try await ws.close()
        try await serving.value
        #expect(fcntl(ours, F_GETFD) == -1)
    }

    @Test(arguments: [
        "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 On\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
    ])
    func `leaves the socket its owner's, open and as it was, when there is no connection (C10)`(
        answer: String
    ) async throws {
        let (ours, theirs) = try pair()
        let serving = await serve(theirs) { socket in
            _ = try await socket.receiveHead()
            try await socket.send(answer)
            // It is still of use.
            #expect(try await socket.receive(5) == Array("hello".utf8))
        }
        let error = await failure { _ = try await WebSocket.connect(over: ours, to: "ws://inner.example/chat") }
        #expect(error?.code == .http)
        #expect(error?.host == "inner.example")
        #expect(fcntl(ours, F_GETFL) & O_NONBLOCK == 0)
        let hello = Array("hello".utf8)
        #expect(unsafe write(ours, hello, hello.count) == 5)
        try await serving.value
        Socket.close(ours)
    }

    @Test func `leaves the socket its owner's when TLS cannot be spoken over it (C10)`() async throws {
        let (ours, theirs) = try pair()
        let serving = await serve(theirs) { socket in
            _ = try await socket.receive(5)
            try await socket.send("I speak no TLS\r\n")
            _ = await socket.end()
        }
        let error = await failure { _ = try await WebSocket.connect(over: ours, to: "wss://inner.example/") }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("inner.example:443") == true)
        #expect(fcntl(ours, F_GETFD) != -1)
        Socket.close(ours)
        try await serving.value
    }

    @Test func `refuses what is no connected stream socket (C10)`() async throws {
        var pipe: [Int32] = [-1, -1]
        try #require(unsafe Glibc.pipe(&pipe) == 0)
        let unconnected = try Socket.open(family: AF_INET)
        let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        for descriptor in [-1, pipe[0], unconnected, datagrams] {
            let error = await failure { _ = try await WebSocket.connect(over: descriptor, to: "ws://inner.example/") }
            #expect(error?.code == .invalidConfiguration, "\(String(describing: error))")
        }
        for descriptor in pipe + [unconnected, datagrams] {
            #expect(fcntl(descriptor, F_GETFD) != -1)
            Socket.close(descriptor)
        }
    }

    // MARK: A pipe

    /// The head of the request that comes out of a pipe.
    private func head(_ pipe: BytePipe) async throws -> String {
        var text = ""
        while !text.hasSuffix("\r\n\r\n") { text += String(decoding: try await pipe.read(), as: UTF8.self) }
        return text
    }

    @Test func `connects over a pipe whose other end the program carries (C10)`() async throws {
        let pipe = BytePipe(capacity: 1000)
        let carrying = Task {
            let request = try await head(pipe)
            #expect(request.hasPrefix("GET /chat HTTP/1.1\r\nHost: inner.example\r\n"))
            // More than it holds: both directions at once.
            let big = String(repeating: "x", count: 5000)
            try await pipe.write(Array(Handshakes.response(to: request).utf8) + Frames.text(big))
            var echo: [UInt8] = []
            while echo.count < 5008 { echo += try await pipe.read() }
            try await pipe.write(Frames.close(1000))
            #expect(try await pipe.read().first == 0x88)
            await pipe.finish()
            return try await pipe.read()
        }
        let ws = try await WebSocket.connect(over: pipe, to: "ws://inner.example/chat", options: .patient)
        let message = try await ws.recv()
        try await ws.send(message)
        let error = await failure { _ = try await ws.recv() }
        #expect(error?.close?.code == .normal)
        let taken = await failure { _ = try await WebSocket.connect(over: pipe, to: "ws://inner.example/") }
        #expect(taken?.code == .invalidConfiguration)
        #expect(try await carrying.value == [])
        try await ws.close()
        let late = await failure { try await pipe.write([1]) }
        #expect(late?.code == .connectionLost)
    }

    @Test func `can use a pipe again after a refusal, and ends at its deadline in memory too (C2) (C10)`() async throws
    {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let pipe = BytePipe(scheduler: schedulers.schedulers[0])
            for answer in ["HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 10"] {
                let connecting = Task { try await WebSocket.connect(over: pipe, to: "ws://inner.example/") }
                _ = try await head(pipe)
                try await pipe.write(Array(answer.utf8))
                await turns(of: schedulers)
                if !answer.contains("401") { time.advance(by: .seconds(8)) }
                let error = await failure { _ = try await connecting.value }
                #expect(error?.code == (answer.contains("401") ? .http : .timeout), "\(String(describing: error))")
                #expect(await eventually { await Remains.count(schedulers) == Remains() })
            }
            let connecting = Task { try await WebSocket.connect(over: pipe, to: "ws://inner.example/") }
            let request = try await head(pipe)
            try await pipe.write(Array(Handshakes.response(to: request).utf8))
            #expect(try await connecting.value.state == .open)
            await pipe.close()
        }
    }

    @Test func `bounds the silence after the upgrade as it does before it (C2)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let pipe = BytePipe(scheduler: schedulers.schedulers[0])
            var options = ConnectOptions()
            options.readIdleTimeout = .seconds(3)
            options.pingInterval = nil
            let asked = options
            let connecting = Task { try await WebSocket.connect(over: pipe, to: "ws://inner.example/", options: asked) }
            try await pipe.write(Array(Handshakes.response(to: try await head(pipe)).utf8))
            let ws = try await connecting.value
            #expect(await eventually { await Remains.count(schedulers).alarms == 1 })
            time.advance(by: .seconds(3))
            let error = await failure { _ = try await ws.recv() }
            #expect(error?.phase == .idle, "\(String(describing: error))")
            await pipe.close()
        }
    }

    @Test func `lets who waits at a pipe be cancelled, or see it closed (C10)`() async throws {
        let pipe = BytePipe(capacity: 1)
        try await pipe.write([1])
        let reading = Task { try await pipe.read() }
        let writing = Task { try await pipe.write([2]) }
        await turns(of: .shared)
        reading.cancel()
        writing.cancel()
        let read = await failure { _ = try await reading.value }
        let written = await failure { try await writing.value }
        #expect(read?.code == .cancelled)
        #expect(written?.code == .cancelled)
        let other = Task { try await pipe.read() }
        await turns(of: .shared)
        await pipe.close()
        let closed = await failure { _ = try await other.value }
        #expect(closed?.code == .connectionLost)
    }
}
