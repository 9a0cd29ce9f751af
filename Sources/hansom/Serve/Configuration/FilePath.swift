/// Paths of files that other files name.
enum FilePath {
    /// The folder of a file.
    static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    /// A path that is relative to a folder.
    static func absolute(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + path }
}
