internal import Actors
internal import WSProtocol

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
    /// What shows life never makes it earlier, or the alarm that is set for it would ring too late. So a ping is among
    /// those that are looked at also while the pong of one before is awaited.
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

/// Keepalive, idle, write, message and close deadlines: one alarm for all of them, which arms itself anew for what
/// remains.
extension WebSocket {
    /// How long the peer may be silent before the connection ends; `nil`: without end. Default: the option of that
    /// name.
    public var idleTimeout: Duration? { Timing.duration(deadlines.idleTimeout) }

    /// Changes how long the peer may be silent. It counts from when the peer was last heard.
    ///
    /// - Parameter timeout: `nil`: without end. A time that is over already ends the connection at once.
    public func setIdleTimeout(_ timeout: Duration?) {
        deadlines.idleTimeout = Timing.nanoseconds(timeout)
        keepDeadlines()
    }

    /// Sees to it that the alarm rings no later than the first deadline. One that is armed for an earlier time stays:
    /// it will find nothing due, and arm itself for what remains.
    func keepDeadlines() {
        guard !end.isReleased, let next = nextDeadline else { return }
        if let alarm, alarm.isArmed, alarm.deadline <= next.at { return }
        let alarm = alarm ?? makeAlarm()
        self.alarm = alarm
        scheduler.arm(alarm, at: next.at)
    }

    func disarmDeadlines() {
        if let alarm { scheduler.disarm(alarm) }
        alarm = nil
    }

    /// The peer has until then to end the connection; nothing that it sends puts that off.
    func armCloseDeadline() {
        deadlines.close(by: scheduler.time.nanoseconds &+ options.closeTimeout.clampedNanoseconds)
        keepDeadlines()
    }

    private func makeAlarm() -> Alarm {
        // Safety: the connection disarms its alarm when it is released, and before it goes.
        Alarm { [unowned(unsafe) self] in unsafe onOwnThread { $0.deadlineRang() } }
    }

    private var nextDeadline: (due: Deadlines.Due, at: UInt64)? {
        deadlines.next(options.timing, isReading: (backlog.isEmpty || share.isUsedUp) && !isStopped)
    }

    private func deadlineRang() {
        if let due = whatIsDue {
            lookOnceMore(due)
            if let due = whatIsDue { act(on: due) }
        }
        keepDeadlines()
    }

    private var whatIsDue: Deadlines.Due? {
        guard !end.isReleased, let next = nextDeadline, next.at <= scheduler.timeOfTurn else { return nil }
        return next.due
    }

    /// This thread may have been busy: what the peer sent or took meanwhile has not been seen yet, and counts.
    private func lookOnceMore(_ due: Deadlines.Due) {
        switch due {
        case .pong, .idle, .message: read()
        case .write: flush()
        case .ping, .close: break
        }
    }

    private func act(on due: Deadlines.Due) {
        switch due {
        case .ping: sendKeepalive()
        case .pong: lost("keepalive timeout", .keepalive, "the peer gave no sign of life after a ping")
        case .write: lost("write timeout", .write, "the peer took nothing of what waits to be written")
        case .idle: silentTooLong()
        case .message: messageTooSlow()
        case .close: closeTooSlow()
        }
    }

    // MARK: What then happens

    private func lost(_ reason: String, _ phase: WebSocketError.Phase, _ what: String) {
        let limit = phase == .write ? options.timing.writeTimeout : options.timing.pingTimeout
        let time = Timing.duration(limit).map { " for \($0)" } ?? ""
        let close = Close(code: .abnormal, reason: reason)
        lose(WebSocketError(.connectionLost, what + time, close: close, phase: phase))
    }

    private func silentTooLong() {
        let time = idleTimeout.map { "\($0)" } ?? "long"
        fail(
            WebSocketError(
                .connectionLost, "nothing arrived for \(time)", close: Close(code: .goingAway, reason: "idle timeout"),
                phase: .idle))
    }

    private func messageTooSlow() {
        let time = Timing.duration(options.timing.messageTimeout).map { "\($0)" } ?? "the time given"
        fail(
            WebSocketError(
                .protocolViolation, "a message was not complete within \(time)",
                close: Close(code: .policyViolation, reason: "message timeout"), phase: .message))
    }

    // MARK: Keepalive

    private func sendKeepalive() {
        deadlines.pinged(at: scheduler.timeOfTurn)
        try? sendPing(keepalivePayload)
    }

    private var keepalivePayload: [UInt8] { KeepalivePayload.bytes(age(at: deadlines.lastPing)) }

    private func age(at time: UInt64) -> UInt64 { (time &- core.startedAt) / 1000 }

    /// Whether a pong answers the keepalive; such a one is not told to the application, which has not asked for it.
    func resolveKeepalive(_ payload: [UInt8]) -> Bool {
        let age = age(at: scheduler.time.nanoseconds)
        // Not what a `ping` of the program waits for, be it the same words.
        guard options.timing.pingInterval != Timing.never, let sent = KeepalivePayload.age(in: payload), sent <= age,
            pings.allSatisfy({ $0.payload != payload })
        else { return false }
        lastLatency = .microseconds(age - sent)
        return true
    }
}

/// What a ping of the keepalive carries: a word, and when it was sent, in microseconds of the connection's age. So its
/// pong can be told from others, and says how long it took, be it the newest or not.
///
/// Printable ASCII, of one length: RFC 6455 section 5.5.2 allows any bytes, but there are peers that take a payload for
/// text, or stop at a NUL.
enum KeepalivePayload {
    private static let word = Array("keepalive ".utf8)
    private static let digitCount = 12

    static func bytes(_ age: UInt64) -> [UInt8] {
        let digits = stride(from: digitCount - 1, through: 0, by: -1).map {
            digit(UInt8(age >> (4 * UInt64($0)) & 0xF))
        }
        return word + digits
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// The age that a payload of this kind says.
    static func age(in payload: [UInt8]) -> UInt64? {
        guard payload.count == word.count + digitCount, payload.starts(with: word) else { return nil }
        var age: UInt64 = 0
        for byte in payload[word.count...] {
            guard let value = (0..<16).first(where: { digit($0) == byte }) else { return nil }
            age = age << 4 | UInt64(value)
        }
        return age
    }
}
