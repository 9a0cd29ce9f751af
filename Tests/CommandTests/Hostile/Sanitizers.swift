import Glibc

/// Whether this program was built with a sanitizer, which has memory and instructions of its own.
enum Sanitizers {
    static var arePresent: Bool { has("__asan_init") || has("__tsan_init") }

    private static func has(_ symbol: String) -> Bool { unsafe dlsym(nil, symbol) != nil }
}
