/// Writes lines one after another, and keeps nobody waiting: a reader that does not read holds up no scheduler.
///
/// What is said before `begin` comes behind the lines that it begins with.
struct Announcer: Sendable {
    private struct Line: Sendable {
        let stream: StandardStream
        let text: String
    }

    private let lines: AsyncStream<Line>
    private let writing: AsyncStream<Line>.Continuation

    /// Lines that wait; more are dropped.
    private static let capacity = 1024

    init() {
        (lines, writing) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Announcer.capacity))
    }

    /// Says something on standard output, some time.
    func say(_ text: String) { writing.yield(Line(stream: .output, text: text)) }

    /// Says something on standard error, some time.
    func warn(_ text: String) { writing.yield(Line(stream: .error, text: "hansom: \(text)")) }

    /// Writes `first` at once, and then what is said. Call it once.
    ///
    /// - Returns: a task that ends when everything has been written that was said before `end`.
    func begin(_ first: [String]) throws -> Task<Void, Never> {
        for line in first { try StandardStream.output.write(line: line) }
        return Task.detached { [lines] in
            for await line in lines { try? line.stream.write(line: "\(Printable(line.text))") }
        }
    }

    /// Says no more.
    func end() { writing.finish() }
}
