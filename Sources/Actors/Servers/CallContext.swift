internal import Synchronization

/// The task-locals that go along with a call: what a tracer, or a request's identity, needs on the other side.
///
/// A message is data, and carries nothing but itself. So a server's handler runs with the task-locals of whoever
/// *started* the server. For a call, whose caller waits, that is not what one wants of a tracing context: the work is
/// the caller's. Name such task-locals once, at the beginning of the program:
///
///     CallContext.carry(ServiceContext.$current)
///
/// From then on `call` of a server or a state machine takes their values along, and the handler of that call has them
/// instead of its own; what it calls, spawns and logs has them too. Everything else follows these rules:
///
/// | what | has |
/// |---|---|
/// | a process, a task (`ProcessTask.spawn`), a stream of tasks | all task-locals of whoever spawns it |
/// | a supervisor's child | those of whoever started the supervisor |
/// | the handler of a server's or machine's call | those of its process, and of the caller those that are carried |
/// | casts, messages, timers, downs, continuations, `terminate` | those of the process |
/// | `blocking` work | all of the caller's |
///
/// A plain process that answers calls binds them itself: `try await reply.withCallContext { … }`.
///
/// Who names none pays nothing for it. A call for which at least one has a value costs an allocation or two more.
public struct CallContext: Sendable {
    /// What was carried of the caller's, the last that was named first.
    private let first: CarriedValue

    /// Takes the values of a task-local along with calls from now on, for the whole program; again has no effect.
    ///
    /// - Parameter local: the task-local, as in `Request.$id`.
    public static func carry<Value: Sendable>(_ local: TaskLocal<Value>) {
        add(CarriedLocal(local) { $0 })
    }

    /// The same for one that has a value only now and then: calls that are made without one carry nothing.
    ///
    /// - Parameter local: the task-local, as in `ServiceContext.$current`.
    public static func carry<Value: Sendable>(_ local: TaskLocal<Value?>) {
        add(CarriedLocal<Value?>(local) { $0.map { .some($0) } })
    }

    /// Those that were named. Each holds the one that was named before it, and none is ever taken back.
    // Safety: whoever is named is retained for good.
    @safe private static let last = unsafe Atomic<Unmanaged<CarriedLocalBox>?>(nil)
    private static let lock = Lock()

    private static var locals: CarriedLocalBox? {
        unsafe last.load(ordering: .acquiring)?.takeUnretainedValue()
    }

    private static func add(_ new: CarriedLocalBox) {
        lock.withLock {
            var next = locals
            while let one = next {
                if one.identity == new.identity { return }
                next = one.next
            }
            new.next = locals
            unsafe last.store(.passRetained(new), ordering: .releasing)
        }
    }

    /// Whether any are carried.
    static var isCarried: Bool { unsafe last.load(ordering: .relaxed) != nil }

    /// What the calling task has of those that are carried; `nil` if it has none.
    static var current: CallContext? {
        var first: CarriedValue?
        var next = locals
        while let local = next {
            if let value = local.capture(first) { first = value }
            next = local.next
        }
        return first.map { CallContext(first: $0) }
    }

    /// Runs `work` with what was carried, as `actor`, on whose thread the caller is.
    @usableFromInline
    func bind(_ actor: isolated any Actor, _ work: () async throws -> Void) async throws {
        try await first.bind(actor, work)
    }
}

extension ServerMessage {
    /// A request that `reply` answers, with what is carried of its caller's task-locals.
    @inlinable
    static func request<Value>(_ message: ServerMessage, by reply: Reply<Value>) -> ServerMessage {
        reply.call.context.map { .within($0, message) } ?? message
    }
}

extension Reply {
    /// Runs `work` with the task-locals that the call has carried, for a plain process that answers it. (A server's
    /// handler has them already.)
    ///
    ///     case .lookUp(let name, let reply): try await reply.withCallContext { reply(try await find(name)) }
    ///
    /// - Parameters:
    ///   - actor: the process that answers; default: the caller's.
    ///   - work: runs as that process.
    /// - Throws: what `work` throws.
    public func withCallContext(
        _ actor: isolated any Actor = #isolation, _ work: () async throws -> Void
    ) async throws {
        if let context = call.context { try await context.bind(actor, work) } else { try await work() }
    }
}

/// A task-local that is carried.
private class CarriedLocalBox: @unchecked Sendable {
    // Safety: written before others know of it.
    final var next: CarriedLocalBox?
    let identity: ObjectIdentifier

    init(_ identity: ObjectIdentifier) { self.identity = identity }

    /// Its value in the calling task, if that has one, in front of `rest`.
    func capture(_ rest: CarriedValue?) -> CarriedValue? { nil }
}

private final class CarriedLocal<Value: Sendable>: CarriedLocalBox, @unchecked Sendable {
    let local: TaskLocal<Value>
    let present: @Sendable (Value) -> Value?

    init(_ local: TaskLocal<Value>, present: @escaping @Sendable (Value) -> Value?) {
        self.local = local
        self.present = present
        super.init(ObjectIdentifier(local))
    }

    override func capture(_ rest: CarriedValue?) -> CarriedValue? {
        present(local.get()).map { BoundLocal(local, $0, rest) }
    }
}

/// What one of them was worth when a call was made, and the others.
private class CarriedValue: @unchecked Sendable {
    let rest: CarriedValue?

    init(_ rest: CarriedValue?) { self.rest = rest }

    func bind(_ actor: isolated any Actor, _ work: () async throws -> Void) async throws {
        try await bindRest(actor, work)
    }

    final func bindRest(_ actor: isolated any Actor, _ work: () async throws -> Void) async throws {
        if let rest { try await rest.bind(actor, work) } else { try await work() }
    }
}

private final class BoundLocal<Value: Sendable>: CarriedValue, @unchecked Sendable {
    let local: TaskLocal<Value>
    let value: Value

    init(_ local: TaskLocal<Value>, _ value: Value, _ rest: CarriedValue?) {
        self.local = local
        self.value = value
        super.init(rest)
    }

    override func bind(_ actor: isolated any Actor, _ work: () async throws -> Void) async throws {
        try await local.withValue(
            value,
            operation: {
                // A closure that names the actor stays on its thread; without it this one would run on the global pool.
                _ = actor
                try await bindRest(actor, work)
            }, isolation: actor)
    }
}
