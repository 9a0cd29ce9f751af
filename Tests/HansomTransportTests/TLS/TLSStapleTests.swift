import CTLS
import Glibc
import Testing

@testable import HansomTransport

/// Whether certificates are revoked: what servers send along, and what clients make of it.
@Suite(.timeLimit(.minutes(2))) struct TLSStapleTests {
    /// An authority and two certificates by it, one of which is good only with its word.
    private struct Cast {
        let maker = CertificateMaker()
        let authority: CertificateMaker.Made
        let stranger: CertificateMaker.Made
        let plain: CertificateMaker.Made
        let strict: CertificateMaker.Made

        init() {
            authority = maker.authority("Stapling Root")
            stranger = maker.authority("Somebody Else's Root")
            plain = maker.leaf("plain", names: "DNS:localhost", by: authority)
            strict = maker.leaf("strict", names: "DNS:localhost", by: authority, mustStaple: true)
        }

        func client(_ version: TLSVersion = .tls13, verification: TLSClientOptions.Verification = .full) throws
            -> TLSContext
        {
            let client = try TLSScene.clientContext {
                $0.trustRoots = .pem(authority.identity.certificate)
                $0.verification = verification
            }
            client.limit(to: version)
            return client
        }

        /// - Parameter now: what the server takes for the time; it sends nothing that is out of date.
        func server(_ leaf: CertificateMaker.Made, _ response: TLSOCSPResponse?, now: Int64? = nil) throws -> TLSContext
        {
            var identity = leaf.identity.tls
            identity.ocspResponse = response
            let server = try TLSContext(server: TLSServerOptions(identity: identity))
            if let now, let response {
                let certificate = try identity.certificateChain.certificates()
                server.handle.send(try TLSStaple(response, for: certificate, now: { now }))
            }
            return server
        }

        func refusal(
            _ leaf: CertificateMaker.Made, _ response: [UInt8]?, now: Int64? = nil, _ client: TLSContext? = nil
        )
            throws -> String?
        {
            let scene = try TLSScene(
                client: client ?? self.client(), server: server(leaf, response.map { .bytes($0) }, now: now)
            ).settle()
            if let refusal = scene.client.refusal {
                #expect(scene.server.refusal != nil || scene.server.readRefusal != nil)
                return refusal
            }
            return nil
        }
    }

    private let cast = Cast()

    @Test(arguments: TLSVersion.allCases)
    func `a certificate that demands the word of its authority is taken with it and refused without (T45)`(
        version: TLSVersion
    ) throws {
        let good = cast.maker.ocspResponse(for: cast.strict, by: cast.authority)
        #expect(try cast.refusal(cast.strict, good, cast.client(version)) == nil)
        let refusal = try cast.refusal(cast.strict, nil, cast.client(version))
        #expect(refusal?.contains("must-staple, RFC 7633), and the server has sent none") == true, "\(refusal ?? "")")
        // Whoever does not judge certificates does not judge that.
        #expect(try cast.refusal(cast.strict, nil, cast.client(version, verification: .none)) == nil)
        #expect(try cast.refusal(cast.plain, nil, cast.client(version)) == nil)
    }

    @Test(arguments: TLSVersion.allCases)
    func `a certificate whose authority has revoked it is refused, whether it demands the word or not (T45)`(
        version: TLSVersion
    ) throws {
        for leaf in [cast.plain, cast.strict] {
            let revoked = cast.maker.ocspResponse(for: leaf, by: cast.authority, V_OCSP_CERTSTATUS_REVOKED)
            let refusal = try cast.refusal(leaf, revoked, cast.client(version))
            #expect(refusal?.contains("its authority has revoked it (keyCompromise)") == true, "\(refusal ?? "")")
        }
    }

    @Test func `a word that does not count is none (T45)`() throws {
        let now = Int64(time(nil))
        let unknown = cast.maker.ocspResponse(for: cast.strict, by: cast.authority, V_OCSP_CERTSTATUS_UNKNOWN)
        #expect(try cast.refusal(cast.strict, unknown)?.contains("does not know the certificate") == true)
        let old = cast.maker.ocspResponse(for: cast.strict, by: cast.authority, from: -86_400, to: -3600)
        #expect(try cast.refusal(cast.strict, old)?.contains("the server has sent none") == true)
        #expect(try cast.refusal(cast.strict, old, now: now - 7200)?.contains("too old, or of the future") == true)
        let early = cast.maker.ocspResponse(for: cast.strict, by: cast.authority, from: 3600)
        #expect(try cast.refusal(cast.strict, early)?.contains("the server has sent none") == true)
        #expect(try cast.refusal(cast.strict, early, now: now + 7200)?.contains("too old, or of the future") == true)
        let forged = cast.maker.ocspResponse(for: cast.strict, by: cast.authority, signer: cast.stranger)
        #expect(try cast.refusal(cast.strict, forged)?.contains("its signature is not the authority's") == true)
        // Where the certificate does not demand it, it is as if nothing had been sent; a forged revocation too.
        for status in [V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED] {
            let forged = cast.maker.ocspResponse(for: cast.plain, by: cast.authority, status, signer: cast.stranger)
            #expect(try cast.refusal(cast.plain, forged) == nil)
        }
    }

    @Test func `a session that is taken up again needs no new word (T45)`() throws {
        let client = try cast.client()
        let response = cast.maker.ocspResponse(for: cast.strict, by: cast.authority)
        let server = try cast.server(cast.strict, .bytes(response))
        for isResumed in [false, true] {
            #expect(try TLSScene(client: client, server: server).settle().client.details?.isResumed == isResumed)
        }
    }

    @Test func `what is stapled may change while the server runs (T45)`() throws {
        final class Shelf: @unchecked Sendable {
            // Safety: this test has one thread.
            var response: [UInt8]?
        }
        let shelf = Shelf()
        let server = try cast.server(cast.strict, .source(TLSOCSPSource { shelf.response }))
        func isTaken() throws -> Bool {
            try TLSScene(client: cast.client(), server: server).settle().client.details != nil
        }
        #expect(try !isTaken())
        shelf.response = cast.maker.ocspResponse(for: cast.strict, by: cast.authority)
        #expect(try isTaken())
        shelf.response = [1, 2, 3]
        #expect(try !isTaken())
    }

    @Test func `each identity has a word of its own (T45)`() throws {
        var options = TLSServerOptions(identity: cast.plain.identity.tls)
        var identity = cast.strict.identity.tls
        identity.ocspResponse = .bytes(cast.maker.ocspResponse(for: cast.strict, by: cast.authority))
        options.identitiesByServerName = ["localhost": identity]
        let scene = try TLSScene(client: cast.client(), server: TLSContext(server: options)).settle()
        #expect(scene.client.details?.peerSubject == "CN=strict", "\(scene.client.refusal ?? "")")
    }

    @Test func `a response that cannot be stapled is refused at the start (T45)`() throws {
        func flaw(_ response: TLSOCSPResponse) -> TLSConfigurationError? {
            do throws(TLSConfigurationError) {
                var identity = cast.strict.identity.tls
                identity.ocspResponse = response
                _ = try TLSContext(server: TLSServerOptions(identity: identity))
                return nil
            } catch { return error }
        }
        #expect(flaw(.bytes([1, 2, 3]))?.message.contains("it is malformed; expected an OCSP response in DER") == true)
        let other = cast.maker.ocspResponse(for: cast.plain, by: cast.authority)
        #expect(flaw(.bytes(other))?.code == .badOCSPResponse)
        #expect(flaw(.bytes(other))?.message.contains("CN=strict': it is about another certificate") == true)
        let missing = flaw(.file("/nonexistent/ocsp.der"))
        #expect(missing?.message.hasSuffix("expected an OCSP response in DER that this process may read") == true)
    }

    @Test func `a certificate that demands a word and gets none is told of at the start (T45)`() throws {
        #expect(try cast.server(cast.strict, nil).warnings.contains { $0.contains("must-staple") })
        #expect(try cast.server(cast.plain, nil).warnings.isEmpty)
        let response = cast.maker.ocspResponse(for: cast.strict, by: cast.authority)
        #expect(try cast.server(cast.strict, .bytes(response)).warnings.isEmpty)
    }
}
