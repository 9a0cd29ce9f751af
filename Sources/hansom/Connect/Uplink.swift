internal import WSClient

/// Which connection messages go over, where one may follow another.
actor Uplink {
    private var connection: WebSocket?
    private var waiting: CheckedContinuation<WebSocket, Never>?

    /// There is a connection, in place of any other.
    func up(_ new: WebSocket) {
        connection = new
        waiting?.resume(returning: new)
        waiting = nil
    }

    /// Waits for a connection other than one that has failed. One task may wait.
    func next(after failed: WebSocket) async -> WebSocket {
        if let connection, connection !== failed { return connection }
        return await withCheckedContinuation { waiting = $0 }
    }
}
