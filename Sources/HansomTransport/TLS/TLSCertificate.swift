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
                return unsafe .host(Printable.text(UnsafeBufferPointer(start: bytes, count: Int(count))))
            }
            if let bytes = unsafe CTLS_names_at(list, index, GEN_IPADD, &count) {
                return unsafe .address(IPLiteral.text(UnsafeBufferPointer(start: bytes, count: Int(count))))
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
