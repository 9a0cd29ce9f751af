import CTLS

@testable import HansomTransport

/// Makes certificates for tests through OpenSSL.
struct CertificateMaker {
    /// A certificate that others can be signed with.
    struct Made {
        let certificate: TLSOwnedCertificate
        let key: TLSOwnedKey

        var identity: TestIdentity {
            unsafe TestIdentity(
                certificate: Self.pem { unsafe PEM_write_bio_X509($0, certificate.raw) },
                key: Self.pem { unsafe PEM_write_bio_PrivateKey($0, key.raw, nil, nil, 0, nil, nil) },
                publicKeyDigest: certificate.view.publicKeyDigest)
        }

        var encryptedKey: [UInt8] {
            let secret = Array("secret".utf8)
            return unsafe Self.pem {
                unsafe PEM_write_bio_PrivateKey($0, key.raw, EVP_aes_256_cbc(), secret, Int32(secret.count), nil, nil)
            }
        }

        private static func pem(_ write: (OpaquePointer?) -> Int32) -> [UInt8] {
            let bio = unsafe BIO_new(BIO_s_mem())
            defer { unsafe BIO_free(bio) }
            precondition(unsafe write(bio) == 1)
            var bytes: UnsafeMutablePointer<CChar>?
            let count = unsafe CTLS_BIO_memory(bio, &bytes)
            return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
        }
    }

    private static let year = 365 * 86_400

    func authority(_ name: String) -> Made {
        make(
            name, by: nil, from: -Self.year, to: Self.year, rsaBits: nil,
            extensions: [(NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign")])
    }

    /// - Parameters:
    ///   - names: subject alternative names as OpenSSL's configuration writes them.
    ///   - from: begin of validity, in seconds from now.
    ///   - to: its end.
    ///   - rsaBits: the size of an RSA key; `nil` for a P-256 one.
    ///   - mustStaple: whether it demands an answer of OCSP with it.
    func leaf(
        _ name: String, names: String?, by issuer: Made?, from: Int = -Self.year, to: Int = Self.year,
        rsaBits: Int32? = nil, mustStaple: Bool = false
    ) -> Made {
        let extensions =
            (names.map { [(NID_subject_alt_name, $0)] } ?? [])
            + (mustStaple ? [(NID_tlsfeature, "status_request")] : [])
        return make(name, by: issuer, from: from, to: to, rsaBits: rsaBits, extensions: extensions)
    }

    /// What an authority says of a certificate, by OCSP, in DER.
    ///
    /// - Parameters:
    ///   - status: `V_OCSP_CERTSTATUS_...`
    ///   - from: since when it counts, in seconds from now.
    ///   - to: until when.
    ///   - signer: whose key signs it; default: the authority's.
    func ocspResponse(
        for leaf: Made, by issuer: Made, _ status: Int32 = V_OCSP_CERTSTATUS_GOOD, from: Int = -60, to: Int = 86_400,
        signer: Made? = nil
    ) -> [UInt8] {
        let signer = signer ?? issuer
        let basic = unsafe OCSP_BASICRESP_new()
        let id = unsafe OCSP_cert_to_id(EVP_sha1(), leaf.certificate.raw, issuer.certificate.raw)
        let (begin, end) = unsafe (X509_gmtime_adj(nil, from), X509_gmtime_adj(nil, to))
        let isRevoked = status == V_OCSP_CERTSTATUS_REVOKED
        unsafe OCSP_basic_add1_status(
            basic, id, status, isRevoked ? OCSP_REVOKED_STATUS_KEYCOMPROMISE : 0, isRevoked ? begin : nil, begin, end)
        let signed = unsafe OCSP_basic_sign(
            basic, signer.certificate.raw, signer.key.raw, EVP_sha256(), nil, UInt(OCSP_NOCERTS))
        precondition(signed == 1)
        let response = unsafe OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic)
        defer {
            unsafe OCSP_RESPONSE_free(response)
            unsafe OCSP_BASICRESP_free(basic)
            unsafe OCSP_CERTID_free(id)
            unsafe ASN1_TIME_free(begin)
            unsafe ASN1_TIME_free(end)
        }
        let count = unsafe Int(i2d_OCSP_RESPONSE(response, nil))
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var cursor = buffer.baseAddress
            initialized = unsafe Int(i2d_OCSP_RESPONSE(response, &cursor))
        }
    }

    private func make(
        _ name: String, by issuer: Made?, from: Int, to: Int, rsaBits: Int32?, extensions: [(Int32, String)]
    ) -> Made {
        let (ownedKey, owned) = unsafe (TLSOwnedKey(key(rsaBits: rsaBits)), TLSOwnedCertificate(X509_new()))
        let (key, certificate) = unsafe (ownedKey.raw, owned.raw)
        unsafe X509_set_version(certificate, 2)
        unsafe ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1...Int.max))
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), from)
        unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), to)
        unsafe X509_set_pubkey(certificate, key)
        let subject = unsafe X509_get_subject_name(certificate)
        unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, Array(name.utf8), Int32(name.utf8.count), -1, 0)
        let parent = unsafe issuer?.certificate.raw ?? certificate
        unsafe X509_set_issuer_name(certificate, X509_get_subject_name(parent))
        for (kind, value) in extensions {
            var context = unsafe X509V3_CTX()
            unsafe X509V3_set_ctx(&context, parent, certificate, nil, nil, 0)
            let made = unsafe X509V3_EXT_conf_nid(nil, &context, kind, value)
            precondition(unsafe X509_add_ext(certificate, made, -1) == 1)
            unsafe X509_EXTENSION_free(made)
        }
        precondition(unsafe X509_sign(certificate, issuer?.key.raw ?? key, EVP_sha256()) > 0)
        return Made(certificate: owned, key: ownedKey)
    }

    private func key(rsaBits: Int32?) -> OpaquePointer {
        let context = unsafe EVP_PKEY_CTX_new_id(rsaBits == nil ? EVP_PKEY_EC : EVP_PKEY_RSA, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        precondition(unsafe EVP_PKEY_keygen_init(context) == 1)
        if let rsaBits {
            unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, rsaBits)
        } else {
            unsafe EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1)
        }
        var key: OpaquePointer?
        precondition(unsafe EVP_PKEY_keygen(context, &key) == 1)
        guard let key = unsafe key else { fatalError("OpenSSL makes no key") }
        return unsafe key
    }
}
