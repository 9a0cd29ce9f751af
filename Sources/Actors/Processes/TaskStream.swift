internal import DequeModule
internal import Synchronization

/// The values of tasks that do the same with each element of a sequence, some at a time. (Elixir:
/// `Task.async_stream/3`.)
///
///     let pages = ProcessTask.stream(over: urls, maxConcurrent: 8) { url in try await fetch(url) }
///     for await page in pages {
///         switch page {
///         case .success(let text): store(text)
///         case .failure(let error): print(error)
///         }
///     }
///
/// Each element has a process of its own, which begins when the loop asks for more and no more than `maxConcurrent` have
/// begun and not been taken: so it is bounded, also when one takes long or the loop does. When the loop is left, or its
/// task cancelled, those that still work are asked to end. Each loop over it does all the work again.
public struct TaskStream<Value: Sendable>: AsyncSequence, Sendable {
    /// What one task returned, or why it did not: what it threw, the `ExitReason` by which it was ended, or `CallError`
    /// with `.timeout`.
    public typealias Element = Result<Value, any Error>
    /// A loop over it does not throw.
    public typealias Failure = Never

    fileprivate let settings: Settings
    /// Makes what gives the work of one element after the other.
    fileprivate let begin: @Sendable () -> () -> (@Sendable () async throws -> Value)?

    fileprivate struct Settings: Sendable {
        let maxConcurrent: Int
        let isOrdered: Bool
        let timeout: Duration?
        let parent: PID?
        let placement: Placement
        let label: String
    }

    /// Begins to go through the values.
    public func makeAsyncIterator() -> Iterator { Iterator(window: Window(settings, begin())) }

    /// Goes through the values, for one task.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let window: Window

        /// The next value, waiting for it; `nil` after the last, or when the calling task is cancelled.
        public mutating func next() async -> Element? { await window.next() }

        /// The same, on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? {
            await window.next(isolation: actor)
        }
    }
}

extension ProcessTask {
    /// Does `work` with each of `elements`, some at a time, each in a process of its own.
    ///
    /// - Parameters:
    ///   - elements: gone through as tasks begin.
    ///   - maxConcurrent: how many may have begun and not been taken, at least 1; default: as many as there are
    ///     processors.
    ///   - ordered: whether values come in the order of the elements, or each as soon as it is there; default: in order.
    ///   - timeout: how long each may take from its begin, counted where the loop is; then it is killed, and its result
    ///     is a `CallError` with `.timeout`. Default 5 s; `nil`: as long as it takes.
    ///   - parent: a process to link each to, usually `me.pid`; default: none. One that throws then ends that process.
    ///   - placement: where they live, seen from the caller's scheduler; default: on all in turn.
    ///   - label: what introspection and reports call each; default `"task"`.
    ///   - work: what is done with an element.
    /// - Returns: the results, which nobody has begun to work for yet.
    public static func stream<Elements: Sequence & Sendable>(
        over elements: Elements, maxConcurrent: Int? = nil, ordered: Bool = true, timeout: Duration? = .seconds(5),
        linkedTo parent: PID? = nil, placement: Placement = .spread, label: String = "task",
        _ work: @escaping @Sendable (Elements.Element) async throws -> Value
    ) -> TaskStream<Value> where Elements.Element: Sendable {
        let settings = TaskStream<Value>.Settings(
            maxConcurrent: max(maxConcurrent ?? SchedulerGroup.processorCount, 1), isOrdered: ordered, timeout: timeout,
            parent: parent, placement: placement, label: label)
        return TaskStream(settings: settings) {
            var iterator = elements.makeIterator()
            return {
                guard let element = iterator.next() else { return nil }
                return { try await work(element) }
            }
        }
    }
}

extension TaskStream {
    /// The tasks of one loop that have begun and were not taken. It belongs to the task that goes through them.
    fileprivate final class Window {
        private let settings: Settings
        private let nextWork: () -> (@Sendable () async throws -> Value)?
        private var isAtEnd = false
        /// Those that were not taken, in the order in which they began.
        private var begun = Deque<Begun>()
        private let ends = Ends()
        private var lastNumber = 0

        private struct Begun {
            let number: Int
            let task: ProcessTask<Value>
            let limit: TimeLimit?
        }

        init(_ settings: Settings, _ nextWork: @escaping () -> (@Sendable () async throws -> Value)?) {
            self.settings = settings
            self.nextWork = nextWork
        }

        deinit { endAll() }

        func next(isolation: isolated (any Actor)? = #isolation) async -> Element? {
            loop: while !Task.isCancelled {
                fill()
                guard let first = begun.first else { return nil }
                switch ends.take(settings.isOrdered ? first.number : nil) {
                case .ended(let end): return result(of: end)
                case .later(let another): do { try await another.value() } catch { break loop }
                }
            }
            endAll()
            return nil
        }

        private func fill() {
            while !isAtEnd, begun.count < settings.maxConcurrent {
                guard let work = nextWork() else {
                    isAtEnd = true
                    return
                }
                start(work)
            }
        }

        private func start(_ work: @escaping @Sendable () async throws -> Value) {
            lastNumber += 1
            let task = ProcessTask.spawn(
                linkedTo: settings.parent, on: settings.placement.scheduler(of: .forNewProcess), label: settings.label,
                work)
            let limit = settings.timeout.map { TimeLimit(of: task.pid, $0) }
            begun.append(Begun(number: lastNumber, task: task, limit: limit))
            // It may be taken long after it has ended.
            task.pid.core.addObserver(ProcessCore.nextID(), truth: true) { [ends, lastNumber] reason in
                ends.add(End(number: lastNumber, reason: reason, wasLate: limit?.end() == true))
            }
        }

        private func result(of end: End) -> Element? {
            guard let place = begun.firstIndex(where: { $0.number == end.number }) else { return nil }
            let task = begun.remove(at: place).task
            if end.wasLate && end.reason.kind == .killed {
                return .failure(CallError(.timeout, task.pid, timeout: settings.timeout))
            }
            return Result { try task.outcome(end.reason) }
        }

        /// Nobody wants the others any more.
        private func endAll() {
            isAtEnd = true
            for task in begun {
                _ = task.limit?.end()
                task.task.cancel()
            }
            begun = []
        }
    }

    /// Kills a task that takes too long.
    private final class TimeLimit: Sendable {
        private let isOver: Flag
        private let deadline: Deadline

        private final class Flag: Sendable { let isRaised = Atomic<Bool>(false) }

        init(of pid: PID, _ timeout: Duration) {
            let flag = Flag()
            isOver = flag
            deadline = Deadline(after: timeout, ofCallerOn: .current) {
                flag.isRaised.store(true, ordering: .sequentiallyConsistent)
                pid.exit(.kill)
            }
        }

        /// The task has ended, or is of no more interest. Whether its time was over before.
        func end() -> Bool {
            deadline.cancel()
            return isOver.isRaised.load(ordering: .sequentiallyConsistent)
        }
    }

    private struct End {
        let number: Int
        let reason: ExitReason
        /// Whether its time was over before.
        let wasLate: Bool
    }

    /// Which tasks have ended and were not taken yet.
    private final class Ends: @unchecked Sendable {
        // Safety: the vars are touched with `lock` held; the promise is kept outside it.
        private let lock = Lock()
        private var ended: Deque<End> = []
        /// Is kept when another has ended.
        private var next: Promise<Void>?

        func add(_ end: End) {
            lock.withLock { () -> Promise<Void>? in
                ended.append(end)
                defer { next = nil }
                return next
            }?.keep(())
        }

        enum Taken {
            case ended(End)
            /// Not yet: the promise is kept when another one has ended.
            case later(Promise<Void>)
        }

        /// - Parameter number: of which it is asked; `nil`: of any, the one that ended first.
        func take(_ number: Int?) -> Taken {
            lock.withLock {
                if let place = ended.firstIndex(where: { number == nil || $0.number == number }) {
                    return .ended(ended.remove(at: place))
                }
                let promise = next ?? Promise()
                next = promise
                return .later(promise)
            }
        }
    }
}
