import CTLS
import Glibc

/// The file that session keys are appended to, for packet analysers.
final class TLSKeyLog: Sendable {
    private let descriptor: Int32

    /// Opens the file that `SSLKEYLOGFILE` names; `nil` where the variable is not set.
    init?() throws(TLSConfigurationError) {
        // Safety: the text is used before anything can change the environment.
        guard let path = unsafe getenv("SSLKEYLOGFILE"), unsafe path.pointee != 0 else { return nil }
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let file = unsafe String(cString: path)
            throw TLSConfigurationError(
                .unreadableFile, "cannot append to '\(file)', which SSLKEYLOGFILE names: errno \(errno)")
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Appends a line. One system call, so lines of several threads do not mix.
    func append(_ line: UnsafePointer<CChar>) {
        // Safety: OpenSSL gives a C string that lives during the call.
        let bytes = unsafe Array(UnsafeBufferPointer(start: line, count: strlen(line))) + [10]
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}
