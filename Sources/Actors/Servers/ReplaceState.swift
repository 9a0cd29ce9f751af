/// A change of a server's state that somebody asks for from outside.
@usableFromInline
protocol StateChange: Sendable {
    /// Between two messages of the server.
    func make<S: Server>(in server: inout S)

    /// There is nothing to change.
    func refuse()
}

private struct AskedChange<S: Server, Result: Sendable>: StateChange {
    let change: @Sendable (inout S) throws -> Result
    let answer: ReplyCall<Result>

    func make<Other: Server>(in server: inout Other) {
        guard var changed = server as? S else { return refuse() }
        do {
            let result = try change(&changed)
            if let changed = changed as? Other { server = changed }
            answer.succeed(result)
        } catch {
            answer.fail(.refused(error))
        }
    }

    func refuse() { answer.fail(.noProcess) }
}

/// Changing what a process works with while it works: for repairs, and for tests.
extension ServerAddress {
    /// Changes the server's state between two messages, also while it is suspended. (OTP: `sys:replace_state/2`.)
    ///
    ///     let before = try await bank.replaceState { bank in
    ///         defer { bank.balance = 0 }
    ///         return bank.balance
    ///     }
    ///
    /// - Parameters:
    ///   - timeout: how long to wait for the message that it handles; default 5 s; `nil`: as long as it takes.
    ///   - change: is called on the server's thread, with its state. What it throws leaves the state as it was. It is
    ///     called all the same when the caller has given up meanwhile, as a request that is late is handled.
    /// - Returns: what `change` returned.
    /// - Throws: what `change` threw; `CallError`: `.timeout`, `.cancelled`, `.noProcess`, `.exited` or `.calledSelf`.
    @discardableResult
    public func replaceState<Result: Sendable>(
        timeout: Duration? = .seconds(5), _ change: @escaping @Sendable (inout S) throws -> Result
    ) async throws -> Result {
        try await callee().ask(timeout: timeout) { .change(AskedChange(change: change, answer: $0)) }
    }
}

extension ServerProcess {
    /// Changes its state between two messages, as `ServerAddress.replaceState(timeout:_:)` does.
    ///
    /// - Throws: what `change` threw; `CallError`.
    @discardableResult
    public func replaceState<Result: Sendable>(
        timeout: Duration? = .seconds(5), _ change: @escaping @Sendable (inout S) throws -> Result
    ) async throws -> Result {
        try await ServerAddress(self).replaceState(timeout: timeout, change)
    }
}

extension StateMachineAddress {
    /// Changes the machine's data and state between two events, as `ServerAddress.replaceState(timeout:_:)` does. A state
    /// that is changed so is not entered: `enter` is not called, and its timeout goes on.
    ///
    /// - Throws: what `change` threw; `CallError`.
    @discardableResult
    public func replaceState<Result: Sendable>(
        timeout: Duration? = .seconds(5),
        _ change: @escaping @Sendable (inout Machine, inout Machine.State) throws -> Result
    ) async throws -> Result {
        try await server.replaceState(timeout: timeout) { try $0.change(change) }
    }
}

extension StateMachineProcess {
    /// Changes its data and state between two events, as `StateMachineAddress.replaceState(timeout:_:)` does.
    ///
    /// - Throws: what `change` threw; `CallError`.
    @discardableResult
    public func replaceState<Result: Sendable>(
        timeout: Duration? = .seconds(5),
        _ change: @escaping @Sendable (inout Machine, inout Machine.State) throws -> Result
    ) async throws -> Result {
        try await address.replaceState(timeout: timeout, change)
    }
}
