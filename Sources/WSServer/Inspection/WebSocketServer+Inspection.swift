public import Actors
public import WSConnection

extension WebSocketServer {
    /// Lets people look into this program: listens on a Unix-domain socket and answers each text message with a snapshot
    /// of a scheduler group, one line of JSON. `hansom top` shows it.
    ///
    /// A message that is a number bounds how many processes are listed. Whoever may write to the socket's file may look:
    /// its owner, whatever the umask says (mode 0600).
    ///
    /// - Parameters:
    ///   - unixPath: at most 107 bytes; a socket file that nobody listens on any more is replaced.
    ///   - group: whose processes; default: the shared group's. The server itself lives there too.
    /// - Returns: the server, to be shut down with the rest of the program.
    /// - Throws: as `listen(unixPath:)`.
    public static func serveSnapshots(
        unixPath: String, of group: SchedulerGroup = .shared
    ) async throws(WebSocketError) -> WebSocketServer {
        var options = ServerOptions()
        options.schedulers = group
        options.maxConnections = 16
        options.unixSocketMode = 0o600
        return try await listen(unixPath: unixPath, options: options) { ws in
            for try await message in ws {
                guard case .text(let wish) = message else { continue }
                let snapshot = await SystemSnapshot.take(of: group).limited(to: Int(wish) ?? .max)
                try await ws.send(.text(snapshot.json))
            }
        }
    }
}
