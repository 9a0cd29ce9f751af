internal import ArgumentParser
internal import WSServer

/// `hansom serve chat`
struct ServeChat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Send every text to all others.",
        discussion: """
            Who connects to the path /anna is called anna, if nobody else is; otherwise guest-1, guest-2 and so on. \
            Whoever reads more slowly than the others talk is closed with 1008.
            """)

    @OptionGroup var place: ServeOptions

    func run() async throws {
        try await Serving(settings: try place.settings()).run { options in
            let room = ChatRoom(on: options.schedulers.next())
            return .perConnection { ws in
                try await room.join(ws)
                for try await message in ws {
                    guard case .text(let text) = message else {
                        return try await ws.close(code: .unsupportedData, reason: "only text is spoken here")
                    }
                    try await room.say(text, by: ws)
                }
            }
        }
    }
}
