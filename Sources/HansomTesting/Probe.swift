internal import Actors
package import Logging

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

/// A log handler that writes down what it is given, one string a line: level, message, and metadata sorted by name.
package struct CapturingLogHandler: LogHandler {
    package let lines: Probe<String>
    private let showsMetadata: Bool
    package var logLevel = Logger.Level.trace
    package var metadata = Logger.Metadata()

    package init(_ lines: Probe<String>, showsMetadata: Bool = false) {
        self.lines = lines
        self.showsMetadata = showsMetadata
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = showsMetadata ? metadata.merging(event.metadata ?? [:]) { $1 } : [:]
        let shown = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        lines.record("\(event.level) \(event.message)\(shown)")
    }
}

/// Numbers that look random and are the same each time, so that a failure can be repeated (SplitMix64).
package struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
