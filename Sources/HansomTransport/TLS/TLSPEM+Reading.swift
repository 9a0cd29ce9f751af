import CTLS
import Glibc

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
            let label = Printable.text(line.dropFirst(begin.count).prefix { $0 != UInt8(ascii: "-") }, limit: 40)
            if !labels.contains(label), labels.count < 8 { labels.append(label) }
        }
        return labels
    }

    static func contents(of path: String, _ kind: String = "a PEM file") throws(TLSConfigurationError) -> [UInt8] {
        func unreadable(_ error: Int32) -> TLSConfigurationError {
            // Safety: the text is copied before another call can change it.
            let reason = unsafe strerror(error).map { unsafe String(cString: $0) } ?? "error \(error)"
            return TLSConfigurationError(
                .unreadableFile, "cannot read '\(path)': \(reason); expected \(kind) that this process may read")
        }
        // Safety: the path is a C string for the duration of the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { Glibc.close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            // Safety: at most the size of the chunk is read into it.
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(errno) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }
}
