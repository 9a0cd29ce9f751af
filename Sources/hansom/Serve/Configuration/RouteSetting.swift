internal import WSServer

/// What a configuration file has stand at a path.
enum RouteSetting: Sendable, Equatable {
    /// Every message goes back to its sender.
    case echo
    /// Every message goes to all others who are connected to the same path.
    case chat
    case health
    case readiness
    /// The numbers of the server.
    case metrics
    case file(path: String, contentType: String?)

    private static let words: [String: RouteSetting] = [
        "echo": .echo, "chat": .chat, "health": .health, "readiness": .readiness, "metrics": .metrics,
    ]

    /// - Parameters:
    ///   - value: a word, or an object with a `file`.
    ///   - path: where on the server.
    ///   - folder: what a file's path is relative to.
    init(_ value: ConfigurationValue, at path: String, in folder: String) throws(CommandFailure) {
        if case .text(let word) = value, let setting = RouteSetting.words[word] {
            self = setting
        } else if case .members = value {
            let section = try ConfigurationSection(value, at: "routes[\"\(path)\"]", allowing: ["file", "contentType"])
            self = .file(
                path: FilePath.absolute(try section.needed("file"), in: folder),
                contentType: try section.text("contentType"))
        } else {
            throw CommandFailure(
                "routes[\"\(path)\"] is \(value.kind); allowed are "
                    + "\"echo\", \"chat\", \"health\", \"readiness\", \"metrics\" and {\"file\": PATH}")
        }
    }

    /// Puts it there.
    func add(to routes: inout Routes, at path: String, _ topics: Topics) {
        switch self {
        case .echo:
            routes.webSocket(path) { ws in
                for try await message in ws { try await ws.send(message) }
            }
        case .chat: routes.webSocket(path) { ws in try await RouteSetting.chat(ws, topics) }
        case .health: routes.health(path)
        case .readiness: routes.readiness(path)
        case .metrics: routes.metrics(path)
        case .file(let file, let contentType): routes.file(path, at: file, contentType: contentType)
        }
    }

    private static func chat(_ ws: isolated WebSocket, _ topics: Topics) async throws {
        let topic = ws.request?.path ?? "/"
        do {
            try topics.subscribe(ws, to: topic)
        } catch {
            return try await ws.close(code: .policyViolation, reason: "no such room")
        }
        for try await message in ws { topics.publish(message, to: topic, except: ws) }
    }
}
