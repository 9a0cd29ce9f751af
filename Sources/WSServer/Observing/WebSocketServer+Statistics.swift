extension WebSocketServer {
    /// How the server fares. It may be asked as often as one likes: nothing is counted for it meanwhile.
    ///
    /// The connections are looked at in slices, each in a turn of its own; so with a hundred thousand of them it takes a while,
    /// but holds nobody up.
    public func statistics() async -> ServerStatistics { await load.reports.statistics(load) }
}
