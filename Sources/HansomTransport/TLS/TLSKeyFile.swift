import Glibc

/// The file of a private key, as others on the machine see it.
enum TLSKeyFile {
    /// What is wrong with who may touch it; `nil`: nothing, or it is no file.
    ///
    /// A group may read it: that is how a key is given to servers that do not run as root.
    static func warning(about key: TLSPEM) -> String? {
        guard case .file(let path) = key else { return nil }
        var status = stat()
        // Safety: the path is a C string for the duration of the call, and the value is only filled.
        guard unsafe stat(path, &status) == 0, status.st_mode & 0o006 != 0 else { return nil }
        let can = status.st_mode & 0o004 != 0 ? "read" : "replaced"
        let mode = String(status.st_mode & 0o7777, radix: 8)
        return "the private key in '\(path)' can be \(can) by every user of this machine (mode 0\(mode)); "
            + "make it 0600, or 0640 with a group of its own"
    }
}
