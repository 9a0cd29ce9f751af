import CTLS
import Glibc

/// Where a server has an answer of its certificate's authority from: that the certificate is not revoked (OCSP, RFC
/// 6960), in DER. It is sent along ("stapled", RFC 6066 section 8) to clients that ask, so that they need not ask the
/// authority.
///
/// What is stapled must be fetched by somebody: `openssl ocsp -respout`, certbot's companions, or the program itself.
/// An answer that is too old, or about another certificate, is not sent.
public enum TLSOCSPResponse: Sendable, Hashable {
    /// A file, read when the TLS context is made: at the start, and with each reload.
    case file(String)
    /// The answer itself.
    case bytes([UInt8])
    /// Asked for each client that wants one.
    case source(TLSOCSPSource)
}

/// A closure that gives the answer that is to be stapled now. Two are equal if they are the same one.
public final class TLSOCSPSource: Sendable, Hashable {
    let response: @Sendable () -> [UInt8]?

    /// - Parameter response: gives the newest answer in DER, or `nil` while there is none. It is called in the middle
    ///   of handshakes, on threads of schedulers: it must not block.
    public init(_ response: @escaping @Sendable () -> [UInt8]?) { self.response = response }

    public static func == (a: TLSOCSPSource, b: TLSOCSPSource) -> Bool { a === b }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What an answer says of a certificate, and until when.
struct TLSOCSPVerdict {
    private var raw = CTLS_ocsp_verdict()

    /// How far clocks may differ, in seconds.
    private static let skew: Int64 = 300
    /// How long an answer counts that says nothing of the next one, in seconds.
    private static let longestLife: Int64 = 7 * 86_400

    init() {}

    /// Reads an answer, without a look at its signature.
    ///
    /// - Returns: what is wrong with it, if anything is.
    mutating func read(_ der: [UInt8], about certificate: OpaquePointer, issuer: OpaquePointer?) -> String? {
        // Safety: all pointers live during the call; the flaw is a constant.
        unsafe CTLS_read_ocsp(der, der.count, certificate, issuer, nil, nil, &raw).map { unsafe String(cString: $0) }
    }

    /// Reads and checks what a server has sent along.
    ///
    /// - Returns: what is wrong with it, if anything is, and whether that is that it has sent nothing.
    mutating func readStaple(of ssl: OpaquePointer) -> (flaw: String, isMissing: Bool)? {
        var isMissing: Int32 = 0
        // Safety: as above.
        guard let flaw = unsafe CTLS_read_staple(ssl, &isMissing, &raw) else { return nil }
        return unsafe (String(cString: flaw), isMissing != 0)
    }

    var isGood: Bool { raw.status == V_OCSP_CERTSTATUS_GOOD }

    /// In words, if the certificate is revoked.
    var revocation: String? {
        guard raw.status == V_OCSP_CERTSTATUS_REVOKED else { return nil }
        // Safety: the words are constants of the library.
        let why = unsafe raw.reason < 0 ? nil : OCSP_crl_reason_str(Int(raw.reason)).map { unsafe String(cString: $0) }
        return "its authority has revoked it" + (why.map { " (\($0))" } ?? "")
    }

    /// Whether it counts at a moment, in seconds since 1970.
    func isTimely(at now: Int64) -> Bool {
        let end = raw.next_update == 0 ? raw.this_update + Self.longestLife : raw.next_update
        return raw.this_update <= now + Self.skew && now <= end + Self.skew
    }
}

/// What a server staples to one of its certificates.
// Safety: nothing changes after `init`, and OpenSSL locks what counts the references to certificates.
final class TLSStaple: @unchecked Sendable {
    private let source: @Sendable () -> [UInt8]?
    private let certificate: TLSOwnedCertificate
    private let issuer: TLSOwnedCertificate?
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - response: where the answer comes from; a file is read.
    ///   - chain: the certificate that it is about, and those behind it.
    ///   - now: seconds since 1970.
    init(
        _ response: TLSOCSPResponse, for chain: [TLSOwnedCertificate],
        now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
    ) throws(TLSConfigurationError) {
        certificate = chain[0]
        issuer = chain.dropFirst().first
        self.now = now
        switch response {
        case .source(let given): source = given.response
        case .bytes(let bytes): source = { bytes }
        case .file(let path):
            let bytes = try TLSPEM.contents(of: path, "an OCSP response in DER")
            source = { bytes }
        }
        if case .source = response { return }
        let name = if case .file(let path) = response { "'\(path)'" } else { "the OCSP response given" }
        var verdict = TLSOCSPVerdict()
        // Safety: the certificates live as long as `self`.
        guard let flaw = unsafe verdict.read(source() ?? [], about: certificate.raw, issuer: issuer?.raw) else {
            return
        }
        throw TLSConfigurationError(
            .badOCSPResponse, "\(name) cannot be stapled to the certificate '\(chain[0].view.subject)': \(flaw)")
    }

    /// What is sent along now, if there is something worth it.
    var response: [UInt8]? {
        guard let bytes = source() else { return nil }
        var verdict = TLSOCSPVerdict()
        // Safety: as above.
        let flaw = unsafe verdict.read(bytes, about: certificate.raw, issuer: issuer?.raw)
        return flaw == nil && verdict.isTimely(at: now()) ? bytes : nil
    }
}

extension TLSContextHandle {
    /// Staples what there is to the certificate, for clients that ask.
    func send(_ staple: TLSStaple) {
        // Safety: the context of each session holds the handle, which holds the staple; OpenSSL takes a copy of the
        // bytes.
        unsafe CTLS_set_staple_callback(
            raw,
            { ssl, argument in
                guard let argument = unsafe argument,
                    let bytes = unsafe Unmanaged<TLSStaple>.fromOpaque(argument).takeUnretainedValue().response,
                    unsafe CTLS_staple(ssl, bytes, bytes.count) == 1
                else { return SSL_TLSEXT_ERR_NOACK }
                return SSL_TLSEXT_ERR_OK
            }, Unmanaged.passUnretained(staple).toOpaque())
        self.staple = staple
    }

    /// Asks servers for an answer of their authority, and heeds it.
    func heedStaples() {
        // Safety: OpenSSL calls on the session's thread, once the certificate was judged.
        unsafe CTLS_request_staple(raw)
        unsafe CTLS_set_staple_callback(
            raw,
            { ssl, _ in
                guard let ssl = unsafe ssl, let link = unsafe TLSLink.of(ssl) else { return -1 }
                // A session that is taken up again brings no certificate, and so no answer.
                guard unsafe SSL_session_reused(ssl) == 0 else { return 1 }
                link.refusedCertificate = unsafe TLSVerifier.complaintAboutStaple(of: ssl)
                return link.refusedCertificate == nil ? 1 : 0
            }, nil)
    }
}

extension TLSVerifier {
    /// What is wrong with a certificate by what its server has sent along.
    ///
    /// An authority's word that it is revoked counts in any case. Where there is no usable word, a certificate that
    /// demands one (RFC 7633) is refused, and any other accepted, as without OCSP.
    static func complaintAboutStaple(of ssl: OpaquePointer) -> String? {
        var verdict = TLSOCSPVerdict()
        let flaw = unsafe verdict.readStaple(of: ssl)
        if flaw == nil, let revocation = verdict.revocation { return revocation }
        // Safety: the certificate belongs to the session, which lives during the call.
        guard let leaf = unsafe SSL_get0_peer_certificate(ssl), unsafe CTLS_must_staple(leaf) == 1 else { return nil }
        let demand = "it is good only with an OCSP response that shows that it is not revoked (must-staple, RFC 7633)"
        if let flaw {
            return flaw.isMissing
                ? "\(demand), and the server has sent none" : "\(demand), and of the one sent: \(flaw.flaw)"
        }
        if !verdict.isTimely(at: Int64(time(nil))) { return "\(demand), and the one sent is too old, or of the future" }
        return verdict.isGood ? nil : "\(demand), and the authority does not know the certificate"
    }
}
