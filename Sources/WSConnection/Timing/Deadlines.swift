/// When a connection last showed life, and what is due when it does not: times only, no clock and no alarm.
///
/// Times are nanoseconds of the scheduler's clock. Whatever shows life only writes down when; the first deadline is
/// worked out when an alarm asks, so that a message costs nothing here, and many messages one alarm.
struct Deadlines {
    /// What has to be done.
    enum Due: Hashable, Sendable {
        /// The peer is to be asked for a sign of life.
        case ping
        /// The peer has not given one.
        case pong
        /// Nothing has arrived for too long.
        case idle
        /// The peer has taken nothing for too long.
        case write
        /// A message has not been completed.
        case message
        /// The peer has not ended the connection.
        case close
    }

    private static let never = Timing.never

    private var heardAt: UInt64 = 0
    private var pingedAt: UInt64 = 0
    /// The first ping since the peer was last heard.
    private var askedAt = never
    private var stalledAt = never
    private var messageBeganAt = never
    private var closesAt = never
    /// Nanoseconds; it may be changed while the connection lives.
    var idleTimeout = never
    private var messageNumber: UInt32 = 0

    // MARK: What happens

    mutating func begin(at now: UInt64, _ timing: Timing) {
        heardAt = now
        pingedAt = now
        idleTimeout = timing.idleTimeout
    }

    /// Bytes arrived. Any count as life, those of a large message before its end too.
    @inline(__always)
    mutating func heard(at now: UInt64) {
        heardAt = now
        askedAt = Deadlines.never
    }

    /// We read again, after a time in which we could have heard nothing.
    mutating func readsAgain(at now: UInt64) {
        heard(at: now)
        if messageBeganAt != Deadlines.never { messageBeganAt = now }
    }

    mutating func pinged(at now: UInt64) {
        pingedAt = now
        if askedAt == Deadlines.never { askedAt = now }
    }

    /// The peer takes no more for now.
    mutating func stalled(at now: UInt64) { stalledAt = now }

    /// The peer has taken all. A ping may have left only now, so its pong is not late.
    mutating func flows() {
        stalledAt = Deadlines.never
        askedAt = Deadlines.never
    }

    /// Follows the messages that do not come in one piece.
    ///
    /// - Parameters:
    ///   - number: of the message that arrives, if one does.
    mutating func follow(isMidMessage: Bool, number: UInt32, at now: UInt64) {
        if !isMidMessage {
            messageBeganAt = Deadlines.never
        } else if messageBeganAt == Deadlines.never || number != messageNumber {
            messageBeganAt = now
        }
        messageNumber = number
    }

    /// The peer has until then to end the connection. Later calls do not put it off.
    mutating func close(by time: UInt64) {
        if closesAt == Deadlines.never { closesAt = time }
    }

    // MARK: What is known

    /// When the last ping of the keepalive was sent.
    var lastPing: UInt64 { pingedAt }

    /// The first deadline, if there is one.
    ///
    /// What shows life never makes it earlier, or the alarm that is set for it would ring too late. So a ping is among those
    /// that are looked at also while the pong of one before is awaited.
    ///
    /// - Parameter isReading: whether the socket is read. If not, the peer's silence is ours.
    func next(_ timing: Timing, isReading: Bool) -> (due: Due, at: UInt64)? {
        if closesAt != Deadlines.never { return (.close, closesAt) }
        var next: (due: Due, at: UInt64) = (.write, after(stalledAt, timing.writeTimeout))
        func consider(_ due: Due, _ time: UInt64) { if time < next.at { next = (due, time) } }
        if isReading {
            consider(.message, after(messageBeganAt, timing.messageTimeout))
            consider(.idle, after(heardAt, idleTimeout))
            // While the peer takes nothing, no ping would reach it: then it is the write that has a deadline.
            if stalledAt == Deadlines.never {
                consider(.pong, after(askedAt, timing.pingTimeout))
                consider(.ping, after(pingedAt, timing.pingInterval))
            }
        }
        return next.at == Deadlines.never ? nil : next
    }

    private func after(_ start: UInt64, _ time: UInt64) -> UInt64 {
        let (sum, isTooLate) = start.addingReportingOverflow(time)
        return start == Deadlines.never || isTooLate ? Deadlines.never : sum
    }
}
