import Foundation

/// A folder with a certificate for 127.0.0.1, its key, and a key that belongs to no certificate.
final class Certificates: Sendable {
    let folder: URL

    var certificate: String { folder.appendingPathComponent("certificate.pem").path }
    var key: String { folder.appendingPathComponent("key.pem").path }
    var otherKey: String { folder.appendingPathComponent("other.pem").path }

    /// - Parameter address: whom the certificate names beside `localhost`.
    init(address: String = "127.0.0.1") throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Certificates.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:\(address)", "-keyout", key,
            "-out", certificate)
        try Certificates.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", otherKey)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func openssl(_ arguments: String...) throws {
        let code = try Spawned("/usr/bin/env", ["openssl"] + arguments).waitForEnd()
        guard code == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
