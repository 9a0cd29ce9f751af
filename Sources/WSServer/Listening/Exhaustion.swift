/// A time in which the system has no descriptor or memory for another connection, as a value: told once when it begins and
/// once when it is over, however many acceptors run into it and however often.
struct Exhaustion: Sendable {
    private var troubled: Set<Int> = []

    /// An acceptor could not accept.
    ///
    /// - Returns: whether that is news.
    mutating func met(by acceptor: Int) -> Bool {
        let isNews = troubled.isEmpty
        troubled.insert(acceptor)
        return isNews
    }

    /// An acceptor has taken all that waited, or is there no more.
    ///
    /// - Returns: whether the trouble is over with that.
    mutating func passed(for acceptor: Int) -> Bool { troubled.remove(acceptor) != nil && troubled.isEmpty }
}
