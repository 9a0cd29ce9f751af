/// When a conversation is over, once everything has been said.
enum Parting: Equatable, Sendable {
    /// When the server has received all of it (it answers a ping) and nothing has arrived for so long.
    case silence(Duration)
    /// So long after the last message, whatever arrives.
    case after(Duration)
}
