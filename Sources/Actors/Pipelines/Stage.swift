/// A step of a pipeline: a process that makes events, changes them, or uses them up, at the pace of those behind it.
/// (Elixir: GenStage.)
///
/// Conform to one of its kinds: ``Producer``, ``Consumer``, or ``ProducerConsumer`` for what stands between. Demand goes
/// up a pipeline and events come down: a consumer asks its producers for so many, and nobody makes what was not asked for.
/// So what is under way is bounded, whoever is slow, and a source is not read when nobody wants what it gives.
///
/// The value that conforms is the state of the process, as of a ``Server``: each handler may change it, none is entered
/// while another awaits, and one that throws ends the process with that error.
public protocol Stage: SendableMetatype {
    /// The events that it takes.
    associatedtype Input: Sendable
    /// The events that it makes.
    associatedtype Output: Sendable
    /// Messages that are no events: downs, timers, questions with a `Reply`.
    associatedtype Info: Sendable = Never

    /// Called first; whoever starts the stage waits for it. If it throws, the start fails with that error.
    mutating func start(_ me: isolated Me) async throws

    /// Makes events, `demand` at most: see ``Producer``.
    mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Output]?

    /// Handles events, and makes others of them: see ``ProducerConsumer``.
    mutating func process(_ events: [Input], _ me: isolated Me) async throws -> [Output]

    /// Heeds what is no event.
    mutating func handle(info: Info, _ me: isolated Me) async throws

    /// All that this stage lives for has been produced and handled: the last event of its last permanent subscription.
    /// It may still emit something; then it ends, with `.normal`.
    mutating func finish(_ me: isolated Me) async throws

    /// Events were dropped that it had emitted: nobody had asked for them, and its buffer was full.
    ///
    /// - Parameter count: how many since it was last called.
    mutating func eventsDropped(_ count: Int, _ me: isolated Me) async throws

    /// Called last, on every end but `.kill`, as a server's `terminate` is.
    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async

    /// Its state as text: for `state(timeout:)`, and for the report when it crashes, which is logged. Default: what
    /// `"\(self)"` gives. Leave out what nobody may read there.
    var stateDescription: String { get }

    /// What is no event, as text: for traces, and for the report of a crash. Default: what `"\(info)"` gives. Of events
    /// only their number is told.
    static func description(ofInfo info: Info) -> String
}

/// A stage that makes events and takes none: the source of a pipeline.
///
///     struct Numbers: Producer {
///         var next = 0
///         mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Int]? {
///             defer { next += demand }
///             return Array(next..<next + demand)
///         }
///     }
///
/// What comes by itself (a timer, a subscription to a connection) it emits: `me.emit(events)`. What is an `AsyncSequence`
/// already becomes one by ``SequenceProducer``.
public protocol Producer: Stage where Input == Never {
    /// The events that it makes.
    associatedtype Output

    /// Makes events, `demand` at most.
    ///
    /// It is called when somebody has asked, and again as long as there is demand and it makes something. Keep it short:
    /// the stage does nothing else meanwhile. One that would have to wait returns none, and says `me.produceAgain()` when
    /// there are some.
    ///
    /// - Parameter demand: how many are wanted, at least 1. More than that counts as emitted, and may be dropped.
    /// - Returns: the events, in order; none: there are none just now; `nil`: there are none any more. Then the stage
    ///   hands out what waits and ends with `.normal`, which tells its consumers that it has finished.
    mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Output]?
}

/// A stage that uses events up: the end of a pipeline.
///
///     struct Printer: Consumer {
///         mutating func consume(_ events: [String], _ me: isolated Me) async throws {
///             for event in events { print(event) }
///         }
///     }
public protocol Consumer: Stage where Output == Never {
    /// The events that it takes.
    associatedtype Input

    /// Handles events of one producer, in the order in which they were made.
    ///
    /// When it returns they are handled, and it asks for more. So take the time that it takes, and await what you have to.
    ///
    /// - Parameter events: at least one; no more than lies between the subscription's `max` and `min`.
    mutating func consume(_ events: [Input], _ me: isolated Me) async throws
}

/// A stage that takes events and makes others of them: what stands between. (GenStage: `:producer_consumer`.)
///
///     struct Parser: ProducerConsumer {
///         mutating func process(_ lines: [String], _ me: isolated Me) async throws -> [Entry] {
///             lines.compactMap(Entry.init)
///         }
///     }
///
/// It asks its producers once somebody has asked it. It handles events when what comes of them is wanted, and no more at
/// once than that; what it was handed waits until then.
public protocol ProducerConsumer: Stage {
    /// The events that it takes.
    associatedtype Input
    /// The events that it makes.
    associatedtype Output

    /// Handles events of one producer, in the order in which they were made, and makes others of them.
    ///
    /// - Parameter events: at least one; no more than lies between the subscription's `max` and `min`, nor than are wanted.
    /// - Returns: what goes on down the pipeline: fewer, as many, or more. More than are wanted wait, and none is dropped;
    ///   it handles nothing before they are gone.
    mutating func process(_ events: [Input], _ me: isolated Me) async throws -> [Output]
}

extension Stage {
    /// The process of the stage: for timers, monitors, links, and for what it emits.
    public typealias Me = Process<ServerMessage<StageServer<Self>>>

    /// Has nothing to prepare.
    public mutating func start(_ me: isolated Me) async throws {}
    /// Leaves nothing behind.
    public mutating func finish(_ me: isolated Me) async throws {}
    /// Does nothing: they are counted all the same.
    public mutating func eventsDropped(_ count: Int, _ me: isolated Me) async throws {}
    /// Leaves nothing behind.
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {}

    /// What `"\(self)"` gives.
    public var stateDescription: String { "\(self)" }
    /// What `"\(info)"` gives.
    public static func description(ofInfo info: Info) -> String { "\(info)" }
}

extension Stage where Info == Never {
    /// Stands in for the handler of a stage without other messages; it is never called.
    public mutating func handle(info: Never, _ me: isolated Me) async throws {}
}

extension Producer {
    /// Stands in for the handler of what a producer does not take; it is never called.
    public mutating func process(_ events: [Never], _ me: isolated Me) async throws -> [Output] { [] }
}

extension Consumer {
    /// Stands in for what a consumer does not make; it is never called.
    public mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Never]? { [] }

    /// Hands the events to `consume(_:_:)`.
    public mutating func process(_ events: [Input], _ me: isolated Me) async throws -> [Never] {
        try await consume(events, me)
        return []
    }
}

extension ProducerConsumer {
    /// Makes nothing but of what it takes.
    public mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Output]? { [] }
}

/// What a stage says to its process.
extension Process {
    /// Hands events down the pipeline that nobody need have asked for, when the handler has returned.
    ///
    /// Those that nobody has asked for wait in the stage's buffer: see ``EventBuffer``. One that is full drops some.
    public func emit<S: Stage>(_ events: some Sequence<S.Output>) where Message == ServerMessage<StageServer<S>> {
        flow(of: S.self).emitted.append(contentsOf: events)
    }

    /// Has `produce` called again, if there is demand: there are events now for which it had been asked in vain.
    public func produceAgain<S: Stage>() where Message == ServerMessage<StageServer<S>> {
        let flow = flow(of: S.self)
        guard !flow.isProduceDue else { return }
        flow.isProduceDue = true
        send(.info(StageMessage(.produce)))
    }

    /// There will be no more events: the stage hands out what waits and ends with `.normal`, which tells its consumers that
    /// it has finished.
    public func finish<S: Stage>() where Message == ServerMessage<StageServer<S>> {
        flow(of: S.self).isFinishing = true
    }
}
