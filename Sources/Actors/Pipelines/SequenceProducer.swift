/// An `AsyncSequence` as the source of a pipeline, read only as far as somebody has asked.
///
///     let messages = try await SequenceProducer(ws).started()
///     let workers = try await ConsumerSupervisor(…).started(from: .producer(messages, max: 8))
///
/// So back-pressure reaches whatever the sequence comes of: from a connection no message is taken that no worker asked
/// for, its peer has to wait, and what is in memory stays bounded. Elements that are there together travel together.
///
/// When the sequence ends the stage finishes; an error that it throws ends the stage, behind the elements before it. An
/// end is found when somebody asks for the next element. When the stage ends, the task that reads is cancelled, and what
/// it has read and not handed out is lost. (A sequence that is gone through once, such as an `AsyncStream`, is over then: a
/// stage that is started again needs a new one.)
public struct SequenceProducer<Elements: AsyncSequence & Sendable>: Producer, Sendable
where Elements.Element: Sendable {
    public typealias Output = Elements.Element

    private let elements: Elements
    private var reader: SequenceReader<Elements>?

    /// - Parameter elements: what to read. It is read by one task, which runs as the process.
    public init(_ elements: Elements) { self.elements = elements }

    public mutating func start(_ me: isolated Me) async throws { reader = SequenceReader(elements, me) }

    public mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Elements.Element]? {
        try reader?.take(demand, me)
    }

    public var stateDescription: String { "\(Elements.self)" }

    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async { reader?.stop(me.core.scheduler) }
}

/// The task that reads a sequence for a stage.
private final class SequenceReader<Elements: AsyncSequence & Sendable>: @unchecked Sendable
where Elements.Element: Sendable {
    // Safety: touched by the thread of the stage's process only: by its body, and by the task that reads, which runs as
    // the process too.
    typealias Me = SequenceProducer<Elements>.Me

    private var gathered: [Elements.Element] = []
    private var end: End?
    /// Where the task waits for demand.
    private let gate = Gate()
    private var task: Task<Void, Never>?

    private enum End {
        case over
        case failed(any Error)
    }

    /// Begins to wait for demand.
    init(_ elements: Elements, _ me: isolated Me) {
        task = Task {
            _ = me
            await self.read(elements, me)
        }
        // Also when it is killed, without `terminate`.
        let scheduler = me.core.scheduler
        me.core.addObserver { [self] _ in stop(scheduler) }
    }

    /// Reads no more.
    func stop(_ scheduler: Scheduler) {
        task?.cancel()
        gate.open(on: scheduler)
    }

    /// Takes what was gathered, and lets the task gather more.
    func take(_ demand: Int, _ me: isolated Me) throws -> [Elements.Element]? {
        if gathered.isEmpty {
            switch end {
            case .over: return nil
            case .failed(let error): throw error
            case nil: break
            }
        }
        let taken: [Elements.Element]
        if gathered.count <= demand {
            taken = gathered
            gathered = []
        } else {
            taken = Array(gathered.prefix(demand))
            gathered.removeFirst(demand)
        }
        gate.open(on: me.core.scheduler)
        return taken
    }

    private func read(_ elements: Elements, _ me: isolated Me) async {
        let flow = me.flow(of: SequenceProducer<Elements>.self)
        var iterator = elements.makeAsyncIterator()
        do {
            while !Task.isCancelled {
                // What was asked for may have been taken back meanwhile.
                guard gathered.count < flow.outflow.wanted else {
                    await gate.pass(on: me.core.scheduler)
                    continue
                }
                await me.core.scheduler.giveWayIfSpent(me.core)
                guard let element = try await iterator.next(isolation: me) else { break }
                gathered.append(element)
                me.produceAgain()
            }
            end = .over
        } catch {
            end = .failed(error)
        }
        me.produceAgain()
    }
}
