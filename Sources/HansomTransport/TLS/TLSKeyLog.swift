import Actors
import CTLS
import Glibc

/// The file that session keys are appended to, for packet analysers.
final class TLSKeyLog: Sendable {
    private let descriptor: Int32

    /// The file that `SSLKEYLOGFILE` names; `nil` where the variable is not set.
    static var pathInEnvironment: String? {
        // Safety: the text is copied before anything can change the environment.
        unsafe getenv("SSLKEYLOGFILE").map { unsafe String(cString: $0) }
    }

    /// Opens a file; makes it, for this user alone, where there is none.
    init(path: String) throws(TLSConfigurationError) {
        // Safety: the path is a C string for the duration of the call.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TLSConfigurationError(
                .unreadableFile, "cannot append to '\(path)', which SSLKEYLOGFILE names: \(SystemError.text(of: errno))")
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Appends a line. One system call, so lines of several threads do not mix.
    func append(_ line: UnsafePointer<CChar>) {
        // Safety: OpenSSL gives a C string that lives during the call.
        let bytes: [CChar] = unsafe Array(UnsafeBufferPointer(start: line, count: strlen(line))) + [10]
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}
