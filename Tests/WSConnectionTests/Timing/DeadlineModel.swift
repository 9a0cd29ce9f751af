import HansomTesting
import WSProtocol

@testable import WSConnection

/// When each of the five deadlines of a connection must ring, and the one of its close: what W8, W13 and W14 say, in
/// the plainest words there are. It knows of no alarm and of nothing that the connection remembers.
///
/// Times are half seconds.
struct DeadlineModel {
    struct Settings: CustomStringConvertible {
        var pingInterval, pingTimeout, idleTimeout, writeTimeout, messageTimeout: Int?
        static let closeTimeout = 8

        var timing: Timing {
            func time(_ halves: Int?) -> Duration? { halves.map { .milliseconds(500 * $0) } }
            return Timing(
                pingInterval: time(pingInterval), pingTimeout: time(pingTimeout), idleTimeout: time(idleTimeout),
                writeTimeout: time(writeTimeout), messageTimeout: time(messageTimeout))
        }

        var description: String {
            func word(_ time: Int?) -> String { time.map { "\($0)" } ?? "-" }
            return "ping \(word(pingInterval))/\(word(pingTimeout)) idle \(word(idleTimeout)) "
                + "write \(word(writeTimeout)) message \(word(messageTimeout))"
        }
    }

    /// What arrives.
    enum Arrival { case whole, begin, more, end, pong }

    var settings: Settings
    private(set) var now = 0
    private(set) var state = WebSocket.State.open
    private(set) var reason: String?
    /// When pings went out.
    private(set) var pings: [Int] = []

    // What has happened last.
    private var heard = 0
    private var pinged = 0
    /// The first ping since anything was heard.
    private var asked: Int?
    /// Since when the peer has taken nothing of what waits.
    private var stalled: Int?
    private var messageBegan: Int?
    private var closeBegan: Int?
    private var isDeaf = false
    /// Whether what has come already waits to be received, so that no more is read.
    private(set) var isFull = false
    private var unheard: [Arrival] = []

    init(_ settings: Settings) { self.settings = settings }

    var isStalled: Bool { stalled != nil }

    // MARK: Time

    mutating func advance() {
        now += 1
        ring()
    }

    private func isOver(_ since: Int?, _ time: Int?) -> Bool {
        guard let since, let time else { return false }
        return since + time <= now
    }

    /// Lets everything ring that is due.
    mutating func ring() {
        guard state != .closed else { return }
        if state == .closing {
            if isOver(closeBegan, Settings.closeTimeout) { state = .closed }
            return
        }
        if isOver(stalled, settings.writeTimeout) { return lose("write timeout") }
        guard !isDeaf else { return }
        if isOver(messageBegan, settings.messageTimeout) { return close("message timeout") }
        if isOver(heard, settings.idleTimeout) { return close("idle timeout") }
        guard stalled == nil else { return }
        if isOver(asked, settings.pingTimeout) { return lose("keepalive timeout") }
        guard isOver(pinged, settings.pingInterval) else { return }
        pinged = now
        pings.append(now)
        asked = asked ?? now
    }

    private mutating func lose(_ reason: String) {
        state = .closed
        self.reason = reason
    }

    /// The close begins.
    mutating func close(_ reason: String? = nil) {
        guard state == .open else { return }
        state = .closing
        self.reason = reason
        closeBegan = now
    }

    // MARK: What the peer does

    mutating func arrives(_ arrival: Arrival) {
        guard state == .open else { return }
        guard !isDeaf else { return unheard.append(arrival) }
        heard = now
        asked = nil
        switch arrival {
        case .begin: messageBegan = now
        case .end: messageBegan = nil
        case .whole, .more, .pong: break
        }
        ring()
    }

    /// It takes no more, or some of what waits.
    mutating func stalls() {
        if state == .open { stalled = now }
    }

    /// It has taken all.
    mutating func takesAll() {
        stalled = nil
        asked = nil
        ring()
    }

    // MARK: What we do

    /// Reads no more.
    ///
    /// - Parameter isFull: because nobody receives.
    mutating func deafens(isFull: Bool = false) {
        isDeaf = true
        self.isFull = isFull
    }

    /// Reads again: the peer has all its time anew.
    mutating func hears() {
        isDeaf = false
        isFull = false
        heard = now
        asked = nil
        if messageBegan != nil { messageBegan = now }
        // What is due already is done before what waits to be read.
        ring()
        let waiting = unheard
        unheard = []
        for arrival in waiting { arrives(arrival) }
    }
}
