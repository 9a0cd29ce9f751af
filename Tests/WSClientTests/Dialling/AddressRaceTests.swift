import Actors
import HansomTransport
import Testing

@testable import WSClient

/// Which address is tried when (RFC 8305), without a clock or a socket.
@Suite(.timeLimit(.minutes(2))) struct AddressRaceTests {
    private func addresses(_ hosts: [String]) -> [SocketAddress] {
        hosts.compactMap { SocketAddress(numeric: $0, port: 80) }
    }

    private let refused = SystemError(call: "connect", errno: 111)

    @Test func `lets the families take turns, beginning with the first (C7)`() {
        let race = AddressRace(addresses(["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]))
        #expect(race.addresses.map(\.host) == ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"])
        let other = AddressRace(addresses(["1.1.1.1", "2.2.2.2", "::1"]))
        #expect(other.addresses.map(\.host) == ["1.1.1.1", "::1", "2.2.2.2"])
    }

    @Test func `tries no more addresses than any honest name has (C7)`() {
        #expect(AddressRace(addresses((0..<255).map { "10.0.0.\($0)" })).addresses.count == 32)
    }

    @Test func `begins the next attempt when the delay is over, beside the first (C7)`() {
        let race = Racing(addresses(["::1", "1.1.1.1"]))
        #expect(race.next() == .start(0, delayed: true))
        #expect(race.next() == .start(1, delayed: false))
        #expect(race.next() == .wait)
        #expect(race.connected(0) == .won(0))
        #expect(race.next() == .wait)
    }

    @Test func `begins the next attempt at once when one has failed (C7)`() {
        let race = Racing(addresses(["::1", "1.1.1.1", "::2"]))
        #expect(race.next() == .start(0, delayed: true))
        #expect(race.failed(0, refused) == .start(1, delayed: true))
        #expect(race.failed(1, refused) == .start(2, delayed: false))
        #expect(race.failed(2, refused) == .lost)
        #expect(race.failures.map(\.address.host) == ["::1", "1.1.1.1", "::2"])
    }

    @Test func `is lost only when the last attempt that is under way has failed (C7)`() {
        let race = Racing(addresses(["::1", "1.1.1.1"]))
        _ = race.next()
        _ = race.next()
        #expect(race.failed(1, refused) == .wait)
        #expect(race.failed(0, refused) == .lost)
    }
}

/// A race that an expectation may move on.
private final class Racing {
    private var race: AddressRace

    init(_ addresses: [SocketAddress]) { race = AddressRace(addresses) }

    var failures: [AddressRace.Failure] { race.failures }

    func next() -> AddressRace.Step { race.next() }
    func failed(_ index: Int, _ error: SystemError) -> AddressRace.Step { race.failed(index, error) }
    func connected(_ index: Int) -> AddressRace.Step { race.connected(index) }
}
