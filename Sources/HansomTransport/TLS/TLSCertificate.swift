import Actors
import CTLS
import Glibc

/// What can be read in an X.509 certificate. A borrowed view: it must not outlive the certificate.
@safe struct TLSCertificate {
    let x509: OpaquePointer

    /// The whole certificate in DER form.
    var der: [UInt8] {
        // Safety: the certificate outlives this view; `encoded` sizes the buffer by the same call that fills it.
        unsafe encoded { out in unsafe i2d_X509(x509, out) }
    }

    /// Whom it was made for (RFC 2253).
    var subject: String {
        // Safety: the name belongs to the certificate, which outlives this view.
        unsafe text(of: X509_get_subject_name(x509))
    }

    /// Who made it (RFC 2253).
    var issuer: String {
        // Safety: the name belongs to the certificate, which outlives this view.
        unsafe text(of: X509_get_issuer_name(x509))
    }

    /// The first moment of its validity, in UTC.
    var notBefore: String {
        // Safety: the time belongs to the certificate, which outlives this view.
        unsafe text(of: X509_get0_notBefore(x509))
    }

    /// The last moment of its validity, in UTC.
    var notAfter: String {
        // Safety: the time belongs to the certificate, which outlives this view.
        unsafe text(of: X509_get0_notAfter(x509))
    }

    /// The SHA-256 digest of its `SubjectPublicKeyInfo`: what a pin is compared with.
    var publicKeyDigest: [UInt8] {
        // Safety: the key belongs to the certificate, which outlives this view.
        let key = unsafe X509_get_X509_PUBKEY(x509)
        return SHA256.digest(of: unsafe encoded { out in unsafe i2d_X509_PUBKEY(key, out) })
    }

    /// Kind and size of its key: `RSA, 2048 bits`.
    var keyStrength: String {
        // Safety: both results belong to the certificate's key; the name is a constant of the library.
        guard let key = unsafe X509_get0_pubkey(x509) else { return "unreadable" }
        let name = unsafe EVP_PKEY_get0_type_name(key).map { unsafe String(cString: $0) } ?? "unknown kind"
        return unsafe "\(name), \(EVP_PKEY_get_bits(key)) bits"
    }

    /// A name that it is valid for, made safe to print.
    enum Name: Hashable, CustomStringConvertible {
        case host(String)
        case address(String)

        var description: String {
            switch self {
            case .host(let text): text
            case .address(let text): text
            }
        }
    }

    /// The DNS names and addresses that it is valid for.
    var names: [Name] {
        // Safety: `list` is freed once, after the last use of what it holds.
        guard let list = unsafe CTLS_names(x509) else { return [] }
        defer { unsafe CTLS_names_free(list) }
        return (0..<(unsafe CTLS_names_count(list))).compactMap { index in
            var count: Int32 = 0
            if let bytes = unsafe CTLS_names_at(list, index, GEN_DNS, &count) {
                return unsafe .host(LogText.escaped(UnsafeBufferPointer(start: bytes, count: Int(count))))
            }
            if let bytes = unsafe CTLS_names_at(list, index, GEN_IPADD, &count) {
                return unsafe .address(SocketAddress.text(ofIP: UnsafeBufferPointer(start: bytes, count: Int(count))))
            }
            return nil
        }
    }

    /// Runs one of the `i2d` functions twice: for the size, then for the bytes.
    private func encoded(
        _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) -> [UInt8] {
        // Safety: the second call fills what the first one sized; a certificate does not change in between.
        let count = Int(encode(nil))
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var cursor = buffer.baseAddress
            initialized = max(0, Int(unsafe encode(&cursor)))
        }
    }

    private func text(of name: OpaquePointer?) -> String {
        // Safety: the memory BIO is freed once, after its bytes were copied.
        guard let name = unsafe name, let bio = unsafe BIO_new(BIO_s_mem()) else { return "" }
        defer { unsafe BIO_free(bio) }
        unsafe CTLS_print_name(bio, name)
        var bytes: UnsafeMutablePointer<CChar>? = nil
        let count = unsafe CTLS_BIO_memory(bio, &bytes)
        guard let bytes = unsafe bytes, count > 0 else { return "" }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    private func text(of time: UnsafePointer<ASN1_TIME>?) -> String {
        var parts = unsafe tm()
        // Safety: `time` belongs to the certificate; `parts` is only written.
        guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return "an unreadable date" }
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (year, month, day) = unsafe (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
        return "\(year)-\(padded(month))-\(padded(day)) \(padded(hour)):\(padded(minute)):\(padded(second)) UTC"
    }
}

/// Where certificates or a key in PEM form (RFC 7468) come from.
public enum TLSPEM: Sendable, Hashable {
    /// A file, read when the TLS context is made.
    case file(String)
    /// The text itself.
    case bytes([UInt8])
}

extension TLSPEM {
    /// How a message names this source.
    var name: String {
        switch self {
        case .file(let path): "'\(path)'"
        case .bytes: "the PEM text given"
        }
    }

    /// The whole text.
    func read() throws(TLSConfigurationError) -> [UInt8] {
        switch self {
        case .bytes(let bytes): return bytes
        case .file(let path): return try Self.contents(of: path)
        }
    }

    /// All certificates in it, at least one.
    func certificates() throws(TLSConfigurationError) -> [TLSOwnedCertificate] {
        let text = try read()
        guard let bio = TLSMemoryBIO(text) else { throw TLSConfigurationError(.library, "out of memory") }
        TLSErrorQueue.clear()
        var found: [TLSOwnedCertificate] = []
        // Safety: the BIO is alive; what is read belongs to the new owner.
        while let raw = unsafe PEM_read_bio_X509(bio.raw, nil, { _, _, _, _ in -1 }, nil) {
            unsafe found.append(TLSOwnedCertificate(raw))
        }
        let errors = TLSErrorQueue.drain()
        if let error = errors.first, !(error.library == ERR_LIB_PEM && error.reason == PEM_R_NO_START_LINE) {
            let place = "certificate \(found.count + 1) in \(name)"
            throw TLSConfigurationError(
                .badCertificate, "\(place) is malformed: \(error.text); expected an X.509 certificate")
        }
        if found.isEmpty {
            throw TLSConfigurationError(
                .noCertificate, "\(name) \(Self.inventory(of: text)); expected '-----BEGIN CERTIFICATE-----'")
        }
        return found
    }

    /// The first private key in it.
    func privateKey() throws(TLSConfigurationError) -> TLSOwnedKey {
        let text = try read()
        guard let bio = TLSMemoryBIO(text) else { throw TLSConfigurationError(.library, "out of memory") }
        TLSErrorQueue.clear()
        var isEncrypted = false
        // Safety: the BIO and the flag are alive during the call; the key belongs to the new owner. OpenSSL asks for a
        // passphrase only when the key is encrypted: the callback notes that and gives none.
        let raw = unsafe withUnsafeMutablePointer(to: &isEncrypted) { flag in
            unsafe PEM_read_bio_PrivateKey(
                bio.raw, nil,
                { _, _, _, flag in
                    unsafe flag?.assumingMemoryBound(to: Bool.self).pointee = true
                    return -1
                }, flag)
        }
        let errors = TLSErrorQueue.drain()
        if let raw = unsafe raw { return unsafe TLSOwnedKey(raw) }
        if isEncrypted {
            throw TLSConfigurationError(
                .encryptedKey,
                "the private key in \(name) is encrypted; decrypt it first: openssl pkey -in encrypted.pem -out key.pem"
            )
        }
        if text.isEmpty || !Self.labels(in: text).contains(where: { $0.hasSuffix("PRIVATE KEY") }) {
            throw TLSConfigurationError(
                .noPrivateKey, "\(name) \(Self.inventory(of: text)); expected '-----BEGIN PRIVATE KEY-----'")
        }
        let reason = errors.first?.text ?? "no reason given"
        throw TLSConfigurationError(.badPrivateKey, "the private key in \(name) is malformed: \(reason)")
    }

    /// What a PEM text holds, for messages.
    static func inventory(of text: [UInt8]) -> String {
        if text.isEmpty { return "is empty" }
        let labels = labels(in: text)
        return labels.isEmpty ? "holds no PEM block" : "holds only: \(labels.joined(separator: ", "))"
    }

    /// The labels of the blocks of a PEM text, each once.
    private static func labels(in text: [UInt8]) -> [String] {
        let begin = Array("-----BEGIN ".utf8)
        var labels: [String] = []
        for line in text.split(whereSeparator: { $0 == 10 || $0 == 13 }) where line.starts(with: begin) {
            let label = LogText.escaped(line.dropFirst(begin.count).prefix { $0 != UInt8(ascii: "-") }, atMost: 40)
            if !labels.contains(label), labels.count < 8 { labels.append(label) }
        }
        return labels
    }

    static func contents(of path: String, _ kind: String = "a PEM file") throws(TLSConfigurationError) -> [UInt8] {
        do {
            return try FileContent.read(path)
        } catch {
            throw TLSConfigurationError(
                .unreadableFile,
                "cannot read '\(path)': \(SystemError.text(of: error.errno)); expected \(kind) that this process may read"
            )
        }
    }
}

/// Owns an X.509 certificate.
@safe final class TLSOwnedCertificate {
    let raw: OpaquePointer

    /// Takes over the caller's reference.
    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    deinit {
        // Safety: the reference is this object's own; whoever else needs the certificate has taken one more.
        unsafe X509_free(raw)
    }

    /// Whether it is good only together with an answer of its authority (RFC 7633).
    // Safety: it lives during the call.
    var mustStaple: Bool { unsafe CTLS_must_staple(raw) == 1 }

    /// What can be read in it.
    var view: TLSCertificate { unsafe TLSCertificate(x509: raw) }
}

/// Owns a private key.
@safe final class TLSOwnedKey {
    let raw: OpaquePointer

    /// Takes over the caller's reference.
    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    deinit {
        // Safety: the reference is this object's own; a context that uses the key has taken one more.
        unsafe EVP_PKEY_free(raw)
    }
}

/// The file of a private key, as others on the machine see it.
enum TLSKeyFile {
    /// What is wrong with who may touch it; `nil`: nothing, or it is no file.
    ///
    /// A group may read it: that is how a key is given to servers that do not run as root.
    static func warning(about key: TLSPEM) -> String? {
        guard case .file(let path) = key else { return nil }
        var status = stat()
        // Safety: the path is a C string for the duration of the call, and the value is only filled.
        guard unsafe stat(path, &status) == 0, status.st_mode & 0o006 != 0 else { return nil }
        let can = status.st_mode & 0o004 != 0 ? "read" : "replaced"
        let mode = String(status.st_mode & 0o7777, radix: 8)
        return "the private key in '\(path)' can be \(can) by every user of this machine (mode 0\(mode)); "
            + "make it 0600, or 0640 with a group of its own"
    }
}

/// The SHA-256 digest.
package enum SHA256 {
    /// The 32 bytes that stand for `bytes`.
    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        // Safety: the digest is 32 bytes long, and the capacity is too.
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, initialized in
            var count: UInt32 = 0
            unsafe EVP_Digest(bytes, bytes.count, buffer.baseAddress, &count, EVP_sha256(), nil)
            initialized = Int(count)
        }
    }
}
