import Actors
import HansomTesting
import WSClient

func testWithAPair() async throws -> Bool {
    // guide: pair
    let group = try SchedulerGroup(options: .init(count: 1))
    let pair = await WebSocketPair.connect(on: group)
    try await pair.client.send(.text("Hello"))
    let isEqual = try await pair.server.recv() == .text("Hello")
    await group.shutdown()
    // end
    return isEqual
}

func testWithManualTime() async throws -> ExitReason.Kind {
    // guide: manual-time
    let time = ManualTime()
    let group = try SchedulerGroup(options: .init(count: 1, time: time))
    let patient = Process<Int>.spawn(on: group.next()) { me in
        if await me.receive(timeout: .seconds(3600)) == nil { print("an hour later") }
    }
    while patient.pid.isAlive {
        time.advance(by: .seconds(60))
        await Task.yield()
    }
    await group.shutdown()
    // end
    return try await patient.down().kind
}

func testWithARawPeer() async throws -> (WebSocketError.Code?, [UInt8]) {
    var code: WebSocketError.Code?
    // guide: raw-peer
    let group = try SchedulerGroup(options: .init(count: 1))
    let (connection, peer) = await RawPeer.connect(on: group)
    try await peer.send([0x81, 0x02, 0x68, 0x69])
    do throws(WebSocketError) {
        _ = try await connection.recv()
    } catch {
        code = error.code
    }
    let closeFrame = try await peer.receive(4)
    await peer.close()
    await group.shutdown()
    // end
    return (code, closeFrame)
}
