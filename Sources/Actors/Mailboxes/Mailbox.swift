/// The messages of a process as a sequence, in order of arrival: what its body loops over.
public struct Mailbox<Message: Sendable>: AsyncSequence, Sendable {
    let process: Process<Message>

    public func makeAsyncIterator() -> Iterator { Iterator(process: process) }

    public struct Iterator: AsyncIteratorProtocol {
        let process: Process<Message>

        public mutating func next() async -> Message? { await process.receive() }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Message? {
            await process.receive()
        }
    }
}
