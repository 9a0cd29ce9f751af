extension Actor {
    /// Runs `body` as the actor, from code that already is on the thread of the actor's scheduler.
    ///
    /// What `assumeIsolated` does, less its check, which a socket event should not pay for.
    @inlinable
    @inline(__always)
    package nonisolated func onOwnThread<R>(_ body: (isolated Self) -> R) -> R {
        withoutActuallyEscaping(body) { escapable in
            // Safety: the caller is on the actor's scheduler, so nothing else runs as the actor now; a function type
            // with an isolated parameter is called like one without.
            unsafe unsafeBitCast(escapable, to: ((Self) -> R).self)(self)
        }
    }
}
