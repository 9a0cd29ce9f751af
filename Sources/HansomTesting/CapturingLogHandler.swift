internal import Actors
package import Logging

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
