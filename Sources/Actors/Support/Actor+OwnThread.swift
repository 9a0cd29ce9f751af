extension Actor {
    /// Runs `body` as the actor, from code that already is on the thread of the actor's scheduler.
    ///
    /// What `assumeIsolated` does, less its check, which a socket event should not pay for. A closure that captures nothing
    /// costs nothing; one that must not escape would have to be boxed twice to be called.
    @inlinable
    @inline(__always)
    package nonisolated func onOwnThread<R>(_ body: @escaping (isolated Self) -> R) -> R {
        // Safety: the caller is on the actor's scheduler, so nothing else runs as the actor now; a function type with an
        // isolated parameter is called like one without.
        unsafe unsafeBitCast(body, to: ((Self) -> R).self)(self)
    }
}
