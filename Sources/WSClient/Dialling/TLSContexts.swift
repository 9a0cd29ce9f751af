internal import Actors
internal import HansomTransport

/// The TLS contexts of recent connections, by their options: so the trust roots are loaded once, and sessions resume.
///
/// What a file held when its context was made holds until the context is forgotten, sixteen other options later.
final class TLSContexts: @unchecked Sendable {
    // Safety: `recent` is touched with `lock` held.
    static let shared = TLSContexts()
    private static let mostKept = 16

    private let lock = Lock()
    private var recent: [(options: TLSClientOptions, context: TLSContext)] = []

    /// The context for `options`: one that was made before, or a new one. It may read files.
    func context(for options: TLSClientOptions) throws(TLSConfigurationError) -> TLSContext {
        if let known = find(options) { return known }
        let context = try TLSContext(client: options)
        keep(context, for: options)
        return context
    }

    private func find(_ options: TLSClientOptions) -> TLSContext? {
        lock.withLock {
            guard let index = recent.firstIndex(where: { $0.options == options }) else { return nil }
            let entry = recent.remove(at: index)
            recent.append(entry)
            return entry.context
        }
    }

    private func keep(_ context: TLSContext, for options: TLSClientOptions) {
        lock.withLock {
            recent.append((options, context))
            if recent.count > TLSContexts.mostKept { recent.removeFirst() }
        }
    }
}
