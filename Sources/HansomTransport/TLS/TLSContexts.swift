internal import Actors
import CTLS
import Glibc

/// The TLS contexts of recent client connections, by their options: so the trust roots are loaded once, and sessions
/// resume.
///
/// Files are looked at again for each attempt, by what `stat` says of them: a certificate or an authority that was
/// replaced is read anew, and the sessions that began with the old one are forgotten.
package final class TLSContexts: @unchecked Sendable {
    // Safety: `recent` is touched with `lock` held.
    package static let shared = TLSContexts()
    private static let mostKept = 16

    private struct Entry {
        let options: TLSClientOptions
        let files: TLSFiles
        let context: TLSContext
    }

    private let lock = Lock()
    private var recent: [Entry] = []

    package init() {}

    /// The context for `options`: one that was made before, or a new one. It looks at files, and may read them.
    ///
    /// While an identity is being replaced, its certificate and its key may not belong together for a moment. A client
    /// that had a good one goes on with that, and looks again at the next attempt. Trust roots that cannot be read are
    /// an error at once: nobody is to be believed by a list that is not there any more.
    ///
    /// - Throws: what cannot be used, where it was found and what to do about it.
    package func context(for options: TLSClientOptions) throws(TLSConfigurationError) -> TLSContext {
        let files = TLSFiles(of: options)
        let known = find(options)
        if let known, known.files.areAllAs(files) { return known.context }
        do throws(TLSConfigurationError) {
            let context = try TLSContext(client: options)
            for warning in context.warnings { SystemLog.advise(warning) }
            keep(Entry(options: options, files: files, context: context))
            return context
        } catch {
            if let known, known.files.trustRoots == files.trustRoots { return known.context }
            throw error
        }
    }

    private func find(_ options: TLSClientOptions) -> Entry? {
        lock.withLock {
            guard let index = recent.firstIndex(where: { $0.options == options }) else { return nil }
            let entry = recent.remove(at: index)
            recent.append(entry)
            return entry
        }
    }

    private func keep(_ entry: Entry) {
        // What is displaced is released outside the lock: a context frees much.
        let displaced = lock.withLock {
            let before = recent
            recent.removeAll { $0.options == entry.options }
            recent.append(entry)
            if recent.count > TLSContexts.mostKept { recent.removeFirst() }
            return before
        }
        withExtendedLifetime(displaced) {}
    }
}

/// What the files that options name looked like at some moment.
struct TLSFiles {
    /// Of one file or folder, or of the one that a link leads to.
    struct Stamp: Hashable {
        let device: UInt
        let number: UInt
        let size: Int
        let modifiedAt: Int
        let changedAt: Int
        /// Whether it had changed so short a time before that a second change may leave the same times behind.
        let isFresh: Bool

        /// Longer than the kernel's clock for files takes from one step to the next.
        private static let step = 20_000_000

        /// `nil` for what is not there, or cannot be looked at.
        init?(path: String) {
            var status = stat()
            var now = timespec()
            // Safety: the path is a C string for the duration of the call, and both values are only filled.
            guard unsafe stat(path, &status) == 0, unsafe clock_gettime(CLOCK_REALTIME, &now) == 0 else { return nil }
            func nanoseconds(_ time: timespec) -> Int { time.tv_sec &* 1_000_000_000 &+ time.tv_nsec }
            device = UInt(status.st_dev)
            number = UInt(status.st_ino)
            size = Int(status.st_size)
            modifiedAt = nanoseconds(status.st_mtim)
            changedAt = nanoseconds(status.st_ctim)
            isFresh = nanoseconds(now) &- changedAt < Self.step
        }

        /// The time at which one looks is no property of the file.
        static func == (a: Self, b: Self) -> Bool {
            a.device == b.device && a.number == b.number && a.size == b.size && a.modifiedAt == b.modifiedAt
                && a.changedAt == b.changedAt
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(number)
            hasher.combine(changedAt)
        }
    }

    let trustRoots: [Stamp?]
    let identity: [Stamp?]

    /// Looks at them. It may block.
    init(of options: TLSClientOptions) {
        let roots = options.verification == .full ? Self.paths(of: options.trustRoots) : []
        trustRoots = roots.map { Stamp(path: $0) }
        identity = (options.identity.map { [$0.certificateChain, $0.privateKey] } ?? []).compactMap(\.path).map {
            Stamp(path: $0)
        }
    }

    /// Whether all are what they were when this was taken.
    func areAllAs(_ now: TLSFiles) -> Bool {
        trustRoots == now.trustRoots && identity == now.identity
            && !(trustRoots + identity).contains { $0?.isFresh ?? false }
    }

    private static func paths(of roots: TLSTrustRoots) -> [String] {
        switch roots {
        case .system: systemPaths
        case .file(let path): [path]
        case .pem: []
        case .systemAnd(let source): systemPaths + [source].compactMap(\.path)
        }
    }

    /// Where OpenSSL looks: one file, and folders, whose own time changes with what is in them.
    private static var systemPaths: [String] {
        func path(_ variable: UnsafePointer<CChar>?, _ preset: UnsafePointer<CChar>?) -> String {
            // Safety: OpenSSL's constants; the text of the environment is copied before anything can change it.
            let named = unsafe variable.flatMap { unsafe getenv($0) }.map { unsafe String(cString: $0) }
            return unsafe named ?? preset.map { unsafe String(cString: $0) } ?? ""
        }
        let file = unsafe path(X509_get_default_cert_file_env(), X509_get_default_cert_file())
        let folders = unsafe path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir())
        return [file] + folders.split(separator: ":").map(String.init)
    }
}

extension TLSPEM {
    /// The file, if it is one.
    fileprivate var path: String? {
        if case .file(let path) = self { return path }
        return nil
    }
}
