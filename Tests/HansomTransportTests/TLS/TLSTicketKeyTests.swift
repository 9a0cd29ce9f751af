import CTLS
import Synchronization
import Testing

@testable import HansomTransport

/// The keys of session tickets, which change each day by themselves.
@Suite(.timeLimit(.minutes(2))) struct TLSTicketKeyTests {
    /// A calendar that is turned by hand.
    private final class Calendar: Sendable {
        private let day: Atomic<Int64>

        init(_ day: Int64) { self.day = Atomic(day) }

        var today: @Sendable () -> Int64 { { self.day.load(ordering: .relaxed) } }

        func turn(by days: Int64) { day.add(days, ordering: .relaxed) }
    }

    private static let someDay = TLSTicketSecret.firstDay + 100

    private func server(_ calendar: Calendar, _ change: (inout TLSServerOptions) -> Void = { _ in }) throws
        -> TLSContext
    {
        var options = TLSServerOptions(identity: TestCertificates.shared.localhost.tls)
        change(&options)
        return try TLSContext(server: options, today: calendar.today)
    }

    private func isResumed(_ client: TLSContext, _ server: TLSContext) throws -> Bool? {
        try TLSScene(client: client, server: server).settle().client.details?.isResumed
    }

    private func client(_ version: TLSVersion) throws -> TLSContext {
        let client = try TLSScene.clientContext()
        client.limit(to: version)
        return client
    }

    @Test(arguments: TLSVersion.allCases)
    func `the keys change each day, and the day before is still good (T44)`(version: TLSVersion) throws {
        let calendar = Calendar(Self.someDay)
        let (client, server) = (try client(version), try server(calendar))
        #expect(try isResumed(client, server) == false)
        #expect(try isResumed(client, server) == true)
        calendar.turn(by: 1)
        #expect(try isResumed(client, server) == true)
        // What was taken up with yesterday's key was renewed with today's.
        calendar.turn(by: 1)
        #expect(try isResumed(client, server) == true)
        calendar.turn(by: 2)
        #expect(try isResumed(client, server) == false)
        calendar.turn(by: 5000)
        #expect(try isResumed(client, server) == false)
        #expect(try isResumed(client, server) == true)
    }

    @Test func `processes with the same key agree on every day, whatever day they began (T44)`() throws {
        let calendar = Calendar(Self.someDay)
        let key = (0..<80).map { UInt8($0) }
        let early = try server(calendar) { $0.sessionTicketKey = key }
        calendar.turn(by: 40)
        let late = try server(calendar) { $0.sessionTicketKey = key }
        let client = try TLSScene.clientContext()
        #expect(try isResumed(client, early) == false)
        #expect(try isResumed(client, late) == true)
        calendar.turn(by: 1)
        #expect(try isResumed(client, early) == true)
        // One that begins today takes yesterday's tickets too.
        let latest = try server(calendar) { $0.sessionTicketKey = key }
        #expect(try isResumed(client, latest) == true)
        #expect(try isResumed(client, try server(calendar)) == false)
    }

    @Test func `a worker that begins later is told what its siblings have come to (T44)`() throws {
        let calendar = Calendar(Self.someDay)
        var keeper = TLSTicketSecret([UInt8](repeating: 7, count: 32), day: Self.someDay - 1)
        let early = try server(calendar) { $0.ticketSecret = keeper }
        let client = try TLSScene.clientContext()
        #expect(try isResumed(client, early) == false)
        calendar.turn(by: 1)
        let first = keeper
        keeper.advance(to: Self.someDay)
        #expect(keeper.bytes != first.bytes)
        let late = try server(calendar) { $0.ticketSecret = keeper }
        #expect(try isResumed(client, late) == true)
        #expect(try isResumed(client, early) == true)
    }

    @Test func `a secret never goes back, and no clock makes it go on for ever (T44)`() {
        var secret = TLSTicketSecret([1], day: Self.someDay)
        secret.advance(to: Self.someDay - 5)
        #expect(secret == TLSTicketSecret([1], day: Self.someDay))
        secret.advance(to: .max)
        #expect(secret.day < 200_000)
        let bytes = secret.bytes
        secret.advance(to: .max)
        #expect(secret.bytes == bytes)
        #expect(TLSTicketSecret.random() != TLSTicketSecret.random())
    }

    @Test func `a clock that is set back changes nothing (T44)`() throws {
        let calendar = Calendar(Self.someDay)
        let (client, server) = (try TLSScene.clientContext(), try server(calendar))
        _ = try isResumed(client, server)
        calendar.turn(by: -3)
        #expect(try isResumed(client, server) == true)
    }

    @Test func `a session with an identity chosen by name is taken up the day after (T44)`() throws {
        let calendar = Calendar(Self.someDay)
        let client = try TLSScene.clientContext()
        let server = try server(calendar) {
            $0.identitiesByServerName = ["a.test": TestCertificates.shared.otherHost.tls]
        }
        #expect(
            try TLSScene(client: client, server: server, host: "a.test").settle().client.details?.isResumed == false)
        calendar.turn(by: 1)
        #expect(try TLSScene(client: client, server: server, host: "a.test").settle().client.details?.isResumed == true)
    }
}
