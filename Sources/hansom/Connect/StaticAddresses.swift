internal import Actors
internal import ArgumentParser
internal import HansomTransport
internal import WSClient

/// Addresses that are given on the command line (`--resolve`) in place of the resolver's.
struct StaticAddresses: Sendable {
    private struct Place: Hashable {
        let host: String
        let port: Int
    }

    private var addresses: [Place: [SocketAddress]] = [:]

    var isEmpty: Bool { addresses.isEmpty }

    /// - Parameter entries: each `HOST:PORT:ADDRESS`, the address in brackets or not.
    init(_ entries: [String]) throws {
        for entry in entries {
            let parts = entry.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map { String($0) }
            guard parts.count == 3, !parts[0].isEmpty, let port = UInt16(parts[1]), port > 0,
                let address = SocketAddress(numeric: StaticAddresses.withoutBrackets(parts[2]), port: port)
            else {
                throw ValidationError(
                    "--resolve \(entry); allowed is HOST:PORT:ADDRESS, as in example.com:443:192.0.2.1 or example.com:443:[::1]")
            }
            addresses[Place(host: parts[0].lowercased(), port: Int(port)), default: []].append(address)
        }
    }

    /// What is given for a host and port, or what the system says.
    func resolve(_ host: String, _ port: Int) async throws -> [SocketAddress] {
        if let given = addresses[Place(host: host, port: port)] { return given }
        return try await Resolver.resolve(host, port: UInt16(clamping: port), on: SchedulerGroup.shared.blockingPool)
    }

    private static func withoutBrackets(_ text: String) -> String {
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }
}
