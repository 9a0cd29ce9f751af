import Foundation
import WSClient

/// Certificates that the openssl command makes when they are first asked for, in a temporary directory.
struct Certificates: Sendable {
    let directory: String

    private static let directory = NSTemporaryDirectory() + "hansom-certificates-\(UUID())"

    private static func remove() { try? FileManager.default.removeItem(atPath: directory) }

    /// Made once.
    private static let making = Task { try await Certificates() }

    static var shared: Certificates { get async throws { try await making.value } }

    /// An authority, and certificates by it: for this machine, for a client, for another host, and one that has
    /// expired.
    private init() async throws {
        directory = Certificates.directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        atexit { Certificates.remove() }
        let here = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in ["ca", "stranger"] {
            try await openssl(
                ["req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).pem"]
                    + key)
        }
        for (name, names) in [
            ("server", here), ("client", here), ("other", "subjectAltName=DNS:other.example"), ("expired", here),
        ] {
            try await openssl(
                ["req", "-new", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr"] + key)
            try names.write(toFile: "\(directory)/\(name).ext", atomically: true, encoding: .utf8)
            let days = name == "expired" ? "-1" : "2"
            try await openssl([
                "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                days,
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

    /// The SHA-256 digest of a certificate's public key, as a pin has it.
    func publicKeyDigest(_ name: String) async throws -> [UInt8] {
        // Its name ends as those that are looked for in the temporary directory.
        try await openssl(["pkey", "-in", "\(name).key", "-pubout", "-outform", "DER", "-out", "\(name).spki.pem"])
        let program = try Program("/usr/bin/openssl", ["dgst", "-sha256", "-r", path("\(name).spki.pem")])
        let digits = Array(await program.output().text.prefix(64))
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    }

    func openssl(_ arguments: [String]) async throws {
        // They are named from the temporary directory, which the command is told by the paths.
        let isFile: (String) -> Bool = {
            $0.hasSuffix(".pem") || $0.hasSuffix(".key") || $0.hasSuffix(".csr") || $0.hasSuffix(".ext")
        }
        let program = try Program("/usr/bin/openssl", arguments.map { isFile($0) ? path($0) : $0 })
        program.closeInput()
        let (text, status) = await program.output()
        guard status == 0 else {
            throw Program.Missing(description: "openssl \(arguments): \(text)")
        }
    }
}
