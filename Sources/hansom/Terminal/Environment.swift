internal import Glibc

/// The program's environment variables.
enum Environment {
    static func value(of name: String) -> String? {
        // Safety: the string is copied at once; nothing in this program changes the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
