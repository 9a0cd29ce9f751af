import Foundation
import WSClient

/// Certificates that the openssl command makes when they are first asked for, in a temporary directory.
struct Certificates: Sendable {
    let directory: String

    static let shared = Result { try Certificates() }

    /// An authority, and certificates by it: for this machine, for another host, and one that has expired.
    private init() throws {
        directory = NSTemporaryDirectory() + "hansom-certificates-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let here = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in ["ca", "stranger"] {
            try openssl(["req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).pem"] + key)
        }
        for (name, names) in [("server", here), ("other", "subjectAltName=DNS:other.example"), ("expired", here)] {
            try openssl(["req", "-new", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr"] + key)
            try names.write(toFile: "\(directory)/\(name).ext", atomically: true, encoding: .utf8)
            let days = name == "expired" ? "-1" : "2"
            try openssl([
                "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", "\(name).ext", "-out", "\(name).pem",
            ])
        }
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func identity(_ name: String) -> TLSIdentity {
        .files(certificateChain: path("\(name).pem"), privateKey: path("\(name).key"))
    }

    /// Trusts the authority, or the one given, and no other.
    func trust(_ name: String = "ca") -> TLSClientOptions {
        var options = TLSClientOptions()
        options.trustRoots = .file(path("\(name).pem"))
        return options
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Program.Missing(description: "openssl \(arguments): \(String(decoding: text, as: UTF8.self))")
        }
    }
}
