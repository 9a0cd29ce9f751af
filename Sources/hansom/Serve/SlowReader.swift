internal import WSServer

/// A peer that does not read what is sent to it.
enum SlowReader {
    /// Closes the connection, without waiting for it, instead of keeping ever more for it.
    ///
    /// 1008 and not 1013: to come back later would help only a peer that then reads faster.
    static func drop(_ connection: isolated WebSocket) {
        connection.beginClose(.policyViolation, "reads more slowly than it is sent to")
    }
}
