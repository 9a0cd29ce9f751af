import Actors
import HansomTesting
import Testing
import WSClient
import WSServer

/// The pieces of the guide do what the guide says. Those that need a file, a name or a port of their own only compile.
@Suite(.timeLimit(.minutes(2))) struct RunTests {
    /// Gives `body` the URL of a server on this machine.
    private func withServer(
        _ handler: @escaping WebSocket.Handler, _ body: (String) async throws -> Void
    ) async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: handler)
        do {
            try await body("ws://\(server.address)/")
        } catch {
            await server.forceClose()
            throw error
        }
        await server.forceClose()
    }

    /// Gives `body` both ends of a connection in memory.
    private func withPair(_ body: (WebSocketPair) async throws -> Void) async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        try await body(await WebSocketPair.connect(on: group))
        await group.shutdown()
    }

    private static let echo: WebSocket.Handler = { ws in
        for try await message in ws { try await ws.send(message) }
    }

    // MARK: Connections

    @Test func `connecting, receiving and iterating (W1)`() async throws {
        try await withServer(RunTests.echo) { url in
            try await receive(from: url)
            #expect(try await iterate(over: url) == 7)
        }
    }

    @Test func `options are made and errors are told apart (C2)`() async throws {
        #expect(configure().limits.messageSize == 16 << 20)
        #expect(configureServer().maxConnections == 10_000)
        try await withServer({ _ in }) { try await handleErrors(at: $0) }
    }

    @Test func `frames, and a timeout that loses nothing (W1)`() async throws {
        try await withPair { pair in
            try await passATimeout(pair.client)
            try await pair.server.sendPing([1])
            try await receiveFrames(pair.client)
            try await pair.server.send(.binary([1, 2, 3]))
            #expect(try await receivePieces(pair.client) == 3)
        }
    }

    @Test func `sending in every way (W7, W16, W21)`() async throws {
        try await withPair { pair in
            try await GuideTests.send(on: pair.client)
            await GuideTests.trySend(on: pair.client)
            let lines = AsyncStream { continuation in
                for line in ["a", "b"] { continuation.yield(line) }
                continuation.finish()
            }
            try await sendAsItComes(lines, on: pair.client)
            var texts: [String] = []
            while texts.last != "ab" {
                if case .text(let text) = try await pair.server.recv() { texts.append(text) }
            }
            #expect(texts == ["Hello", "these leave", "together", "one message in three frames", "news", "ab"])
        }
    }

    @Test func `closing with a code of one's own (W8)`() async throws {
        try await withPair { pair in
            try await GuideTests.close(pair.client)
            #expect(pair.server.closeCode?.rawValue == 4001)
        }
    }

    // MARK: Dialling

    @Test func `options of dialling are made (C2, C6, C7, C8)`() async throws {
        #expect(configureDialling().timeouts.tcp == .seconds(5))
        #expect(try configureProxy().proxy != .environment)
        var options = ConnectOptions()
        chooseProxy(&options)
        #expect(options.proxy == .environment)
        configureSockets(&options)
        #expect(options.socket.keepAlive == .seconds(60))
        try configureRedirects(&options)
        #expect(options.redirects.limit == 3)
        #expect(configureTLS(pin: [UInt8](repeating: 1, count: 32)).minimumVersion == .tls13)
    }

    @Test func `a jar keeps cookies, and a proxy's refusal is told from a server's (C5, C6)`() async throws {
        try await withServer({ _ in }) { url in
            try await keepCookies(from: "wss://127.0.0.1/login", for: url)
            var options = ConnectOptions()
            // Our server is no proxy, and says so.
            let port = url.split(separator: ":").last?.split(separator: "/").first.flatMap { Int($0) }
            options.proxy = .through(Proxy(.http, host: "127.0.0.1", port: port))
            try await tellProxyErrors(at: url, options)
        }
    }

    @Test func `a WebSocket over a channel of one's own (C10)`() async throws {
        let channel = Answering()
        let ws = try await connectOverPipe(channel)
        #expect(try await ws.recv() == .text("hi"))
        await #expect(throws: WebSocketError.self) { try await connectOverDescriptor(-1) }
        ws.pid.exit(.shutdown)
        let ending = try await ws.pid.down()
        #expect(ending.kind == .shutdown)
        channel.hangUp()
    }

    /// A channel whose other end grants any handshake and says `hi`.
    private struct Answering: Channel {
        let incoming: AsyncThrowingStream<[UInt8], any Error>
        private let answers: AsyncThrowingStream<[UInt8], any Error>.Continuation

        init() { (incoming, answers) = AsyncThrowingStream.makeStream(of: [UInt8].self, throwing: (any Error).self) }

        func send(_ bytes: [UInt8]) async throws {
            // Whatever follows the handshake is the close.
            guard let answer = try shakeHands(bytes) else { return answers.finish() }
            answers.yield(answer + [0x81, 2, 0x68, 0x69])
        }

        func hangUp() { answers.finish() }
    }

    // MARK: Reconnecting

    @Test func `a client that reconnects has a body, sends, and is a child of a supervisor (C9, P20)`() async throws {
        #expect(configureReconnecting("t").backoff.limit == 20)
        try await withServer(RunTests.echo) { url in
            let feed = startFeed(to: url)
            for await event in feed.events { if case .up = event { break } }
            try await sendIfConnected(feed)
            await feed.stop()
            try await sendIfConnected(feed)
            let running = try await superviseFeed(url, ReconnectOptions()).start()
            #expect(try await running.children().map(\.id) == ["prices"])
            await running.stop()
        }
    }

    @Test func `a client that reconnects tells a reader, or a process (C9)`() async throws {
        try await withServer({ ws in try await ws.send(.text("bye")) }) { url in
            await follow(url, ReconnectOptions(backoff: .init(limit: 0)))
            let session = tellProcess(at: url)
            session.exit(.shutdown)
            let ending = try await session.down()
            #expect(ending.kind == .shutdown)
        }
    }

    // MARK: Active mode

    @Test func `a subscriber and a sequence hear all events (W2)`() async throws {
        for consume in [subscribe, GuideTests.events] {
            try await withPair { pair in
                try await pair.server.send([.text("one"), .text("two")])
                async let closing: Void = pair.server.close()
                try await consume(pair.client)
                try await closing
            }
        }
    }

    @Test func `a mailbox serves two connections (W2)`() async throws {
        try await withPair { first in
            try await withPair { second in
                try await first.server.send(.text("one"))
                async let closing: Void = first.server.close()
                async let alsoClosing: Void = second.server.close()
                try await shareMailbox(first.client, second.client)
                _ = try await (closing, alsoClosing)
            }
        }
    }

    @Test func `a process takes frames, downs and messages (P24)`() async throws {
        let worker = Process<Int>.spawn { me in _ = await me.receive() }
        let handler: WebSocket.Handler = { ws in try await ws.send(ws.recv()) }
        try await withServer(handler) { url in
            let ending = try await session(with: url, watching: worker.pid)
            #expect(ending == .normal)
        }
        worker.exit(.shutdown)
    }

    // MARK: Servers

    @Test func `listening, with either kind of handler (S1, W21)`() async throws {
        for start in [listen, answerSynchronously] {
            let server = try await start()
            try await receive(from: "ws://\(server.address)/")
            await shutDown(server)
        }
    }

    @Test func `placing, and giving to another process (P25, W12)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        try await place(group)
        await group.shutdown()
        let heir = Process<Int>.spawn { _ in }
        _ = try await heir.down()
        try await withServer(RunTests.echo) { try await own($0, heir.pid) }
    }

    // MARK: Processes and schedulers

    @Test func `processes count, watch and end (P4, P7)`() async throws {
        try await readmeProcess()
        #expect(try await countMessages() == 5)
        #expect(try await monitor() == .error)
        #expect(try await endProcess() == .shutdown)
        let worker = heedCancellation()
        worker.exit(.shutdown)
        let ending = try await worker.down()
        #expect([.shutdown, .normal].contains(ending.kind))
        bothProcesses()
    }

    @Test func `calls, chosen messages, bounds, timers, names, groups and tasks (P9 to P15, P22)`() async throws {
        let silent = Process<Reply<Int>>.spawn { me in _ = await me.receive() }
        for _ in 0..<2 { await callFailures(silent) }
        #expect(await receiveSelectively() == ["first the answer: 42", "one", "two"])
        #expect([.sent, .full].contains(try await boundMailbox()))
        #expect(await setTimers() == 3)
        let counter = Process<Int>.spawn { me in _ = await me.receive() }
        #expect(try nameProcesses(counter))
        #expect(try await callByName() == 1)
        matchReasons(.error(Bank.Overdrawn(balance: 1)))
        let members = (0..<2).map { _ in Process<String>.spawn { me in for await _ in me.mailbox {} } }
        #expect(groupProcesses(members) == 2)
        #expect(try keyProcesses(members) == 2)
        for member in members { member.exit(.shutdown) }
        #expect(try await runTask() == 5050)
    }

    @Test func `links and monitors (P5 to P8)`() async throws {
        #expect(try await link() == .error)
        #expect(await trap() == .error)
        let worker = Process<Int>.spawn { me in for await _ in me.mailbox {} }
        #expect(await flush(worker.pid))
    }

    @Test func `servers and state machines (P12)`() async throws {
        #expect(try await useBank() == .normal)
        #expect(try await useLedger() == 1)
        #expect(try await useLine() == 100)
        #expect(try await useContinuation() == 5)
        #expect(try await useRedaction() == "1 users")
        #expect(try await useDoor() == [.locked, .open])
        #expect(try await usePageCache() == "page one")
    }

    @Test func `pipelines (P36)`() async throws {
        let lines = AsyncStream { continuation in
            for number in 0..<500 { continuation.yield("GET /\(number) \(number % 3 == 0 ? 404 : 200)") }
            continuation.finish()
        }
        #expect(try await countStatuses(lines) == .normal)
        #expect(try await runJobs() == .normal)
        try await dispatchEvents()
        let tree = try await superviseStages()
        await tree.stop()
        try await withServer(handleMessages()) { url in
            let ws = try await WebSocket.connect(to: url)
            for number in 0..<20 { try await ws.send("\(number)") }
            try await ws.close()
        }
    }

    @Test func `supervisors (P16 to P20)`() async throws {
        #expect(try await superviseTree() == ["bank", "workers"])
        #expect(try await superviseMany() == 0)
        #expect(try await superviseByName() == 42)
        let running = try await keepStarting().start()
        #expect(await running.stop().kind == .shutdown)
    }

    @Test func `looking inside (P21)`() async throws {
        #expect(await takeSnapshot() == SchedulerGroup.shared.schedulers.count)
        await (try report()).shutdown()
        let worker = Process<Int>.spawn { me in _ = await me.receive() }
        lookAt(worker)
        let ending = try await worker.down()
        #expect(ending.kind == .normal)
    }

    @Test func `blocking work, and a group of one's own (P23)`() async throws {
        #expect(try await block() == 500_000_500_000)
        try await makeGroup()
    }

    // MARK: The protocol layer, and testing

    @Test func `bytes in, bytes out (W22)`() throws {
        #expect(try answer([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]) == [0x81, 0x02, 0x68, 0x69])
        let request = """
            GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
            """
        let response = try #require(try shakeHands(Array(request.utf8)))
        #expect(String(decoding: response, as: UTF8.self).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    }

    @Test func `what users test with (W10)`() async throws {
        #expect(try await testWithAPair())
        #expect(try await testWithManualTime() == .normal)
        let (code, closeFrame) = try await testWithARawPeer()
        #expect(code == .protocolViolation)
        #expect(closeFrame.first == 0x88)
        #expect(closeFrame.suffix(2) == [0x03, 0xEA])
    }
}
