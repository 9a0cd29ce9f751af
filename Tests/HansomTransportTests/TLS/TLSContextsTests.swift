import Glibc
import Testing

@testable import HansomTransport

/// A client's files are looked at again for each attempt.
@Suite(.timeLimit(.minutes(2))) struct TLSContextsTests {
    private let certificates = TestCertificates.shared

    /// A folder for a test's files, removed with them.
    private final class Folder {
        let path: String
        private var names: Set<String> = []

        init() {
            var path = Array("/tmp/tls-files-XXXXXX".utf8CString)
            let isMade = unsafe mkdtemp(&path) != nil
            precondition(isMade)
            self.path = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        deinit {
            for name in names { unsafe unlink(path + "/" + name) }
            unsafe rmdir(path)
        }

        /// Writes a file that looks as if it had been there for long, and, like `rename`, never half of it.
        ///
        /// - Parameter age: what its time of modification says, in seconds.
        @discardableResult
        func write(_ name: String, _ bytes: [UInt8], inPlace: Bool = false) -> String {
            names.insert(name)
            let path = self.path + "/" + name
            let place = inPlace ? path : path + ".new"
            let descriptor = unsafe open(place, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            let written = unsafe Glibc.write(descriptor, bytes, bytes.count)
            precondition(written == bytes.count)
            close(descriptor)
            if !inPlace { _ = unsafe rename(place, path) }
            return path
        }

        func remove(_ name: String) { unsafe unlink(path + "/" + name) }
    }

    private func options(_ folder: Folder) -> TLSClientOptions {
        var options = TLSClientOptions()
        options.trustRoots = .file(folder.path + "/ca.pem")
        return options
    }

    /// Whether a client with these options trusts `localhost`.
    private func connects(_ contexts: TLSContexts, _ options: TLSClientOptions, _ identity: TestIdentity? = nil) throws
        -> Bool
    {
        let scene = try TLSScene(
            client: contexts.context(for: options),
            server: TLSScene.serverContext(identity ?? certificates.localhost)
        ).shakeHands()
        return scene.client.details != nil
    }

    @Test(arguments: [false, true])
    func `an authority that is replaced counts from the next attempt on (C15)`(inPlace: Bool) throws {
        let folder = Folder()
        let contexts = TLSContexts()
        folder.write("ca.pem", certificates.stranger.certificate)
        #expect(try !connects(contexts, options(folder)))
        folder.write("ca.pem", certificates.authority.certificate, inPlace: inPlace)
        #expect(try connects(contexts, options(folder)))
        folder.write("ca.pem", certificates.stranger.certificate, inPlace: inPlace)
        #expect(try !connects(contexts, options(folder)))
    }

    @Test func `a client certificate that is rotated is shown from the next attempt on (C15)`() throws {
        let folder = Folder()
        let contexts = TLSContexts()
        folder.write("ca.pem", certificates.authority.certificate)
        var options = options(folder)
        options.identity = .files(
            certificateChain: folder.write("me.pem", certificates.client.certificate),
            privateKey: folder.write("me.key", certificates.client.key))
        let server = try TLSScene.serverContext {
            $0.clientCertificates = .required(.pem(certificates.authority.certificate))
        }
        func subject() throws -> String? {
            try TLSScene(client: contexts.context(for: options), server: server).settle().server.details?.peerSubject
        }
        #expect(try subject() == "CN=A Client")
        #expect(try subject() == "CN=A Client")
        folder.write("me.pem", certificates.otherHost.certificate)
        // Between the two files they do not belong together: the old pair is still good.
        #expect(try subject() == "CN=A Client")
        folder.write("me.key", certificates.otherHost.key)
        #expect(try subject() == "CN=other")
    }

    @Test func `files that are not touched are read once, and sessions are taken up (C15)`() throws {
        let folder = Folder()
        let contexts = TLSContexts()
        let options = options(folder)
        folder.write("ca.pem", certificates.authority.certificate)
        // So new a file may change once more within the same tick of the clock.
        usleep(40_000)
        let first = try contexts.context(for: options)
        #expect(try contexts.context(for: options) === first)
        let server = try TLSScene.serverContext()
        _ = try TLSScene(client: first, server: server).settle()
        #expect(
            try TLSScene(client: contexts.context(for: options), server: server).settle().client.details?.isResumed
                == true)
        // The same bytes once more are another file.
        folder.write("ca.pem", certificates.authority.certificate)
        let second = try contexts.context(for: options)
        #expect(second !== first)
        #expect(try TLSScene(client: second, server: server).settle().client.details?.isResumed == false)
    }

    @Test func `a file that is too new to be told from the next one is read again (C15)`() throws {
        let folder = Folder()
        let contexts = TLSContexts()
        folder.write("ca.pem", certificates.authority.certificate)
        let files = TLSFiles(of: options(folder))
        let stamp = try #require(files.trustRoots[0])
        // On a machine that was held up just here the file is old already, and then it is not read again.
        #expect(files.areAllAs(files) == !stamp.isFresh)
        #expect(try contexts.context(for: options(folder)).role == .client)
    }

    @Test func `trust roots that are gone are an error at once (C15)`() throws {
        let folder = Folder()
        let contexts = TLSContexts()
        folder.write("ca.pem", certificates.authority.certificate)
        _ = try contexts.context(for: options(folder))
        folder.remove("ca.pem")
        #expect(throws: TLSConfigurationError.self) { _ = try contexts.context(for: options(folder)) }
        folder.write("ca.pem", Array("nothing".utf8))
        #expect(throws: TLSConfigurationError.self) { _ = try contexts.context(for: options(folder)) }
        folder.write("ca.pem", certificates.authority.certificate)
        #expect(try connects(contexts, options(folder)))
    }

    @Test func `the system's roots are looked at where OpenSSL looks (C15)`() {
        #expect(TLSFiles(of: TLSClientOptions()).trustRoots.count >= 2)
        var options = TLSClientOptions()
        options.verification = .none
        #expect(TLSFiles(of: options).trustRoots.isEmpty)
        options.identity = .pem(certificateChain: [], privateKey: [])
        #expect(TLSFiles(of: options).identity.isEmpty)
    }
}
