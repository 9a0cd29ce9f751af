/// With which a call is answered, now or later: the reply token of one call. (OTP: `From` of `handle_call/3`.)
///
///     case .count(let reply): reply(total)
///
/// The first reply counts, later ones do nothing. A token that is dropped without one fails the call at once.
public final class Reply<Value: Sendable>: Sendable {
    private let call: PendingCall<Value>

    init(_ call: PendingCall<Value>) { self.call = call }

    deinit { call.replyDropped() }

    /// Answers the call. From any thread.
    public func callAsFunction(_ value: Value) { call.settle(.success(value)) }

    /// Answers the call by an error, which it throws.
    public func fail(_ error: any Error) { call.settle(.failure(.refused(error))) }

    /// Answers the call by an error once the called process, which holds the only token, has ended.
    func failAtEnd(_ error: any Error) { call.errorAtEnd = error }
}

extension Reply where Value == Void {
    /// Says that it is done.
    public func callAsFunction() { self(()) }
}
