internal import Actors

/// Gathers what happened, from any thread, in order, so that a test can look at it afterwards.
package final class Probe<Value: Sendable>: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var recorded: [Value] = []

    package init(of: Value.Type = Value.self) {}

    package func record(_ value: Value) { lock.withLock { recorded.append(value) } }

    package var values: [Value] { lock.withLock { recorded } }

    package func removeAll() { lock.withLock { recorded = [] } }

    package var count: Int { lock.withLock { recorded.count } }
}

/// A reference that does not keep what it refers to.
package final class WeakReference<Object: AnyObject & Sendable>: Sendable {
    package weak let object: Object?

    package init(_ object: Object?) { self.object = object }
}
