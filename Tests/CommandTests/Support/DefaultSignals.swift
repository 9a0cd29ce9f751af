import Glibc

/// Has a child begin with the signals that a shell gives to what it runs in the foreground.
///
/// Whoever runs the tests may ignore some, as `nohup` and a shell's `&` do, and children inherit that.
func setDefaultSignals(_ attributes: inout posix_spawnattr_t, andFlags flags: Int16 = 0) {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP] { unsafe sigaddset(&signals, signal) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(&attributes, flags | Int16(POSIX_SPAWN_SETSIGDEF))
}
