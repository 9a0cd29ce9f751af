import Foundation
import SocketTesting
import Testing
import WSServer

/// A client that others have made.
enum RealClient: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case websockets, aiohttp, picows, ws, gorilla, libwebsockets, chromium

    /// How they talk.
    struct Manner: Sendable, CustomTestStringConvertible {
        let isSecure: Bool
        let deflates: Bool

        static let all = [false, true].flatMap { secure in
            [false, true].map { Manner(isSecure: secure, deflates: $0) }
        }

        var testDescription: String { (isSecure ? "wss" : "ws") + (deflates ? ", compressed" : "") }
    }

    var testDescription: String { rawValue }

    /// Where each of them is to find what on a server.
    struct Place: Sendable {
        let port: Int
        let manner: Manner
        let certificates: Certificates
        /// What the page in Chromium reports.
        let reports: AsyncStream<String>

        var url: String { "\(manner.isSecure ? "wss" : "ws")://127.0.0.1:\(port)/echo" }
        var page: String {
            "\(manner.isSecure ? "https" : "http")://127.0.0.1:\(port)/page\(manner.deflates ? "?deflate" : "")"
        }
        var authority: [String] { manner.isSecure ? ["--ca", certificates.path("ca.pem")] : [] }
        var deflate: [String] { manner.deflates ? ["--deflate"] : [] }
    }

    /// How many scenarios it must have passed.
    func scenarioCount(_ manner: Manner) -> Int {
        switch self {
        case .libwebsockets: manner.deflates ? 12 : 13
        case .chromium: 15
        default: 18
        }
    }

    /// Runs all its scenarios: a line of JSON each.
    func output(at place: Place) async throws -> String {
        let asked = ["--expect-subprotocol", "superchat", "--seconds", "60"] + place.authority
        switch self {
        case .websockets, .aiohttp:
            return await (try Program.peer("\(rawValue)_client", [place.url] + asked + place.deflate)).output().text
        // It cannot compress (its handshake offers no extension): it talks plainly to a server that would.
        case .picows: return await (try Program.peer("picows_client", [place.url] + asked)).output().text
        case .ws:
            let script = Program.root.appendingPathComponent("Tests/Peers/ws_client.js").path
            let node = try Program("/usr/bin/env", ["node", script, place.url] + asked + place.deflate)
            return await node.output().text
        case .gorilla:
            let arguments = ["-url", place.url, "-seconds", "60"] + place.authority + place.deflate
            return await (try Program(try await CompiledPeers.shared.path("gorilla_client"), arguments)).output().text
        case .libwebsockets:
            let arguments = ["\(place.port)", "--seconds", "60"] + place.authority + place.deflate
            return await (try Program(try await CompiledPeers.shared.path("lws_client"), arguments)).output().text
        case .chromium: return try await RealClient.browse(place)
        }
    }

    /// Opens the page in a browser without a window, and waits for what it reports to the server that it came from.
    private static func browse(_ place: Place) async throws -> String {
        let directory = NSTemporaryDirectory() + "hansom-chromium-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let program = try Program(
            "/usr/bin/env",
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking", "--no-proxy-server", "--ignore-certificate-errors",
                "--user-data-dir=\(directory)", place.page,
            ])
        program.closeInput()
        let report = await withTaskGroup(of: String?.self) { group in
            group.addTask {
                for await report in place.reports { return report }
                return nil
            }
            // One that ends before its page is done has not come far.
            group.addTask { await program.output().text }
            let first = await group.next()
            await program.end()
            group.cancelAll()
            return first ?? nil
        }
        return report ?? ""
    }
}
