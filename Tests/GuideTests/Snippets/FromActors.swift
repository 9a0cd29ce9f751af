import Actors

// guide: plain-actor
actor Cache {
    private var pages: [String: String] = [:]

    func page(_ key: String, _ load: (String) async throws -> String) async throws -> String {
        if let page = pages[key] { return page }
        let page = try await load(key)
        pages[key] = page
        return page
    }
}
// end

// guide: as-server
struct PageCache: Server {
    enum Call: Sendable { case page(String, Reply<String>) }

    let load: @Sendable (String) async throws -> String
    var pages: [String: String] = [:]

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .page(let key, let reply):
            if pages[key] == nil { pages[key] = try await load(key) }
            reply(pages[key] ?? "")
        }
        return .receive
    }
}
// end

func usePageCache() async throws -> String {
    let cache = try await PageCache(load: { "page \($0)" }).started()
    let page = try await cache.call { .page("one", $0) }
    await cache.stop()
    return page
}
