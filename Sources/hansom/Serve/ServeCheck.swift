internal import Actors
internal import Glibc
internal import WSServer

/// Whether settings can be served, found out without taking a port.
enum ServeCheck {
    /// Reads the certificates and builds the routes, as the server would, and listens where nobody comes.
    static func run(_ settings: ServeSettings, _ service: Service) async throws {
        var options = settings.options
        options.schedulers = try SchedulerGroup(options: .init(count: 1))
        for place in settings.places {
            let server = try await service.listen(on: [.tcp(port: 0, tls: place.tls)], options)
            await server.forceClose()
        }
    }

    /// What a setting names must be there when the server begins, or nobody notices that it is misspelt.
    enum Thing {
        /// A file that can be read.
        case file
        /// The folder that a file is to be made in.
        case folderOf
    }

    /// Says what is not there. Blocks.
    ///
    /// - Parameter setting: how an error calls what names the path.
    static func look(for thing: Thing, _ path: String, _ setting: String) throws(CommandFailure) {
        switch thing {
        case .file:
            guard let mode = mode(of: path) else { throw missing(path, setting) }
            guard mode & S_IFMT == S_IFREG else {
                throw CommandFailure("\(setting): \(path) is no file; a file that can be read is wanted")
            }
            guard unsafe access(path, R_OK) == 0 else { throw missing(path, setting) }
        case .folderOf:
            let folder = FilePath.folder(of: path)
            guard let mode = mode(of: folder.isEmpty ? "." : folder) else { throw missing(folder, setting) }
            guard mode & S_IFMT == S_IFDIR else { throw CommandFailure("\(setting): \(folder) is no folder") }
        }
    }

    private static func mode(of path: String) -> mode_t? {
        var status = stat()
        // Safety: the call fills one value that lives as long as the call.
        return unsafe stat(path, &status) == 0 ? status.st_mode : nil
    }

    private static func missing(_ path: String, _ setting: String) -> CommandFailure {
        CommandFailure("\(setting): \(path): \(SystemError.text(of: errno))")
    }
}
