import Actors
import HansomTransport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ResolverTests {
    private func resolve(_ host: String) async throws -> [SocketAddress] {
        try await Resolver.resolve(host, port: 81, on: SchedulerGroup.shared.blockingPool)
    }

    @Test(arguments: ["127.0.0.1", "::1", "fe80::1%1"])
    func `an address in numbers needs no look-up`(host: String) async throws {
        let addresses = try await resolve(host)
        #expect(addresses == [try #require(SocketAddress(numeric: host, port: 81))])
    }

    @Test(arguments: ["[::1]", "[fe80::1%1]"])
    func `an address may stand in brackets`(host: String) async throws {
        let bare = String(host.dropFirst().dropLast())
        #expect(try await resolve(host) == [try #require(SocketAddress(numeric: bare, port: 81))])
    }

    @Test func `a star is every address of this machine (S1)`() async throws {
        let found = try await resolve("*").map { $0.description }
        #expect(found == ["[::]:81"] || found == ["0.0.0.0:81"])
    }

    @Test func `localhost is this machine`() async throws {
        let hosts = try await resolve("localhost").map { $0.host }
        #expect(!hosts.isEmpty)
        #expect(hosts.allSatisfy { ["127.0.0.1", "::1"].contains($0) })
        #expect(try await resolve("localhost").allSatisfy { $0.port == 81 })
    }

    @Test(arguments: [
        "", "no-such-host.invalid", "localhost\0.example.org", "a b", "fe80::1%no-such-one", "[127.0.0.1]", "[::1",
        String(repeating: "x", count: 300),
    ])
    func `a name that is none fails with its name and a reason`(host: String) async throws {
        do {
            _ = try await resolve(host)
            Issue.record("resolved")
        } catch let failure as Resolver.Failure {
            #expect(failure.host == host)
            #expect(!failure.reason.isEmpty)
        }
    }
}
