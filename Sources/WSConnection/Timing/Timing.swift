internal import Actors

/// How often a connection asks its peer for a sign of life, and how long it does without one.
///
/// `nil` is without end. What a user gives is checked with `check` before a connection is made of it.
package struct Timing: Sendable, Hashable {
    /// Nanoseconds; `never` for what is off.
    let pingInterval, pingTimeout, idleTimeout, writeTimeout, messageTimeout: UInt64

    static let never = UInt64.max

    package init(
        pingInterval: Duration? = nil, pingTimeout: Duration? = nil, idleTimeout: Duration? = nil,
        writeTimeout: Duration? = nil, messageTimeout: Duration? = nil
    ) {
        self.pingInterval = Timing.nanoseconds(pingInterval)
        self.pingTimeout = Timing.nanoseconds(pingTimeout)
        self.idleTimeout = Timing.nanoseconds(idleTimeout)
        self.writeTimeout = Timing.nanoseconds(writeTimeout)
        self.messageTimeout = Timing.nanoseconds(messageTimeout)
    }

    static func nanoseconds(_ time: Duration?) -> UInt64 { time?.clampedNanoseconds ?? never }

    static func duration(_ nanoseconds: UInt64) -> Duration? {
        nanoseconds == never ? nil : .nanoseconds(Int64(clamping: nanoseconds))
    }

    /// Refuses a time of nothing: no connection could live with it.
    package func check() throws(WebSocketError) {
        let times = [
            ("pingInterval", pingInterval), ("pingTimeout", pingTimeout), ("idleTimeout", idleTimeout),
            ("writeTimeout", writeTimeout), ("messageTimeout", messageTimeout),
        ]
        for (name, time) in times where time == 0 {
            throw WebSocketError(.invalidConfiguration, "\(name) of nothing; give more, or nil for none")
        }
    }
}
