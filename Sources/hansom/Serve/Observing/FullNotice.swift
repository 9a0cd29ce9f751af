/// When to say that a server has as many connections as it may, as a value: once each time it becomes full.
struct FullNotice {
    let maxConnections: Int
    private var isFull = false

    init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Looks at how many there are.
    ///
    /// - Returns: whether that is news. One that has just had room for a moment is not: a tenth must be free again.
    mutating func isNews(_ connections: Int) -> Bool {
        if connections >= maxConnections {
            defer { isFull = true }
            return !isFull
        }
        if connections < maxConnections - maxConnections / 10 { isFull = false }
        return false
    }
}
