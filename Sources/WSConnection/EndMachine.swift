/// How a connection ends: what happens goes in, what has to be done comes out. No stream, no clock, nobody who waits.
///
/// `WebSocket.take` asks it, and carries the steps out in their order (`Ending.swift`).
///
/// | stage            | closeSent         | writeFailed        | ended            | written         | inputEnded              | lost |
/// |------------------|-------------------|--------------------|------------------|-----------------|-------------------------|------|
/// | `open`           | `closing`: C      | `openMute`: M      | `finishing`: F   |                 | R                       | R    |
/// | `openMute`       |                   | M                  | R                |                 | R                       | R    |
/// | `closing`        |                   | `closingMute`: M   | `finishing`: F   |                 | R                       | R    |
/// | `closingMute`    |                   | M                  | R                |                 | R                       | R    |
/// | `finishing`      |                   | R                  |                  | `draining`: W   | `finishingAlone`: `stopReading`; broken: R | R |
/// | `finishingAlone` |                   | R                  |                  | W, R            | broken: R               | R    |
/// | `draining`       |                   | R                  |                  |                 | R                       | R    |
/// | `released`       |                   |                    |                  |                 |                         |      |
/// | `over`           |                   |                    |                  |                 |                         |      |
///
/// An empty place: nothing is done, and the stage stays.
///
/// - C: `announce`, `armDeadline`, `flush`, `failSenders`, `discardInput`
/// - M: `announce`, `failSenders`, `armDeadline`, `decodeOn`
/// - F: `announce`, `armDeadline`, `flush`. How it ended is known, and told when our last frame is written (BEHAVIOUR
///   W27).
/// - W: `tell`; in front of it `shutWrite` unless both said close. A server that has closed goes on to R at once: it
///   drops TCP first, and the client waits for that (RFC 6455 section 7.1.1). After a violation the peer may still be
///   sending: to close now would reset the connection and could destroy the close frame on its way, so only our side is
///   shut.
/// - R: `tell`, unless that was done; `release`; then `over` with `endProcess`. While the handler runs, `released`
///   without it.
///
/// `handlerBegan` and `handlerEnded` change no other stage than `released`, which `handlerEnded` makes `over`:
/// `endProcess`. `abandoned` makes any stage `over`: of `released` by `endProcess`, of `over` by nothing, of the others
/// by `handOver`.
struct EndMachine {
    enum Stage: UInt8, CaseIterable {
        /// Messages flow.
        case open
        /// The stream takes nothing more of ours. What can still be read is read and delivered.
        case openMute
        /// Our close is on its way; the peer's is awaited, and what comes in front of it is thrown away.
        case closing
        /// The same, but the stream takes nothing more.
        case closingMute
        /// How it ended is known; our last frame is still to be written.
        case finishing
        /// The same, and the peer has shut its side.
        case finishingAlone
        /// All is written and told; what arrives is thrown away until the peer ends too.
        case draining
        /// The stream is gone; the handler still runs.
        case released
        /// The process has ended too.
        case over
    }

    enum Event {
        /// Our close frame is in the output. Nothing comes behind it.
        case closeSent
        /// The stream takes nothing more.
        case writeFailed
        /// The protocol is at its end: the peer's close has arrived, or a rule was broken. Our last frame is in the
        /// output.
        case ended(Boxed<WebSocket.Outcome>)
        /// All of the output is written.
        case written
        /// The stream gave its last byte, or broke.
        case inputEnded(isBroken: Bool, Boxed<WebSocket.Outcome>)
        /// A deadline is over, or somebody has enough: it ends now.
        case lost(Boxed<WebSocket.Outcome>)
        case handlerBegan
        case handlerEnded
        /// The last reference is gone.
        case abandoned
    }

    enum Step {
        /// Nobody can send any more: that is published.
        case announce
        /// The peer has `closeTimeout` from now on.
        case armDeadline
        case flush
        /// Those who wait for room learn that there will be none.
        case failSenders
        /// What waits undecoded is thrown away, to find the peer's close behind it.
        case discardInput
        /// What waited for room in the output has none to wait for.
        case decodeOn
        case stopReading
        case shutWrite
        /// How it ended is published, and everybody who waits for something is told.
        case tell
        /// The stream is closed, and what the connection held is given back.
        case release
        case endProcess
        /// The stream goes to an object that tells the peer 1001 and outlives this one; the process ends.
        case handOver
    }

    private(set) var stage = Stage.open
    /// Whether a handler runs as the connection, without which its process does not end.
    private(set) var isHandlerRunning = false
    /// How it ends, once that is known. What ended it first is what counts.
    private(set) var outcome: Boxed<WebSocket.Outcome>?
    private let isServer: Bool

    init(isServer: Bool) { self.isServer = isServer }

    // MARK: What may be done. Each is one comparison: they are asked for each message.

    /// Whether the application may send.
    var isOpen: Bool { stage == .open }

    /// Whether the stream takes nothing more of ours.
    var isMute: Bool { stage == .openMute || stage == .closingMute || isReleased }

    /// Whether what arrives is the application's.
    var isListening: Bool { stage.rawValue <= Stage.openMute.rawValue }

    /// Whether what arrives is thrown away.
    var isDiscarding: Bool { stage.rawValue >= Stage.closing.rawValue && stage.rawValue <= Stage.draining.rawValue }

    /// Whether what arrives is not even decoded.
    var isDeaf: Bool { stage.rawValue >= Stage.finishing.rawValue }

    /// Whether the end is known, and told when all is written.
    var isFinishing: Bool { stage == .finishing || stage == .finishingAlone }

    /// Whether those who wait have been told how it ended, or are being told.
    var isTold: Bool { stage.rawValue >= Stage.draining.rawValue }

    /// Whether the stream is gone.
    var isReleased: Bool { stage.rawValue >= Stage.released.rawValue }

    // MARK: What happens

    /// - Returns: what has to be done, in this order. A step may make further things happen; they are taken at once.
    mutating func take(_ event: Event) -> [Step] {
        switch event {
        case .closeSent: closeSent()
        case .writeFailed: writeFailed()
        case .ended(let how): ended(how)
        case .written: written()
        case .inputEnded(let isBroken, let how): inputEnded(isBroken, how)
        case .lost(let how): isReleased ? [] : release(how)
        case .handlerBegan: handlerBegan()
        case .handlerEnded: handlerEnded()
        case .abandoned: abandoned()
        }
    }

    private mutating func closeSent() -> [Step] {
        guard stage == .open else { return [] }
        stage = .closing
        return [.announce, .armDeadline, .flush, .failSenders, .discardInput]
    }

    private mutating func writeFailed() -> [Step] {
        switch stage {
        case .open, .openMute: stage = .openMute
        case .closing, .closingMute: stage = .closingMute
        case .finishing, .finishingAlone, .draining: return release(nil)
        case .released, .over: return []
        }
        return [.announce, .failSenders, .armDeadline, .decodeOn]
    }

    private mutating func ended(_ how: Boxed<WebSocket.Outcome>) -> [Step] {
        switch stage {
        case .open, .closing:
            stage = .finishing
            outcome = how
            return [.announce, .armDeadline, .flush]
        case .openMute, .closingMute: return release(how)
        case .finishing, .finishingAlone, .draining, .released, .over: return []
        }
    }

    private mutating func written() -> [Step] {
        guard isFinishing else { return [] }
        let isClosed = if case .closed = outcome?.value { true } else { false }
        let last: [Step] = isClosed ? [] : [.shutWrite]
        if stage == .finishingAlone || isClosed && isServer { return last + release(nil) }
        stage = .draining
        return last + [.tell]
    }

    private mutating func inputEnded(_ isBroken: Bool, _ how: Boxed<WebSocket.Outcome>) -> [Step] {
        if isReleased { return [] }
        // The peer has shut its own side only: our last frame is still on its way, until the deadline.
        guard isFinishing, !isBroken else { return release(how) }
        if stage == .finishingAlone { return [] }
        stage = .finishingAlone
        return [.stopReading]
    }

    /// - Parameter how: it ended, unless that is known.
    private mutating func release(_ how: Boxed<WebSocket.Outcome>?) -> [Step] {
        outcome = outcome ?? how
        let isTold = stage == .draining
        stage = isHandlerRunning ? .released : .over
        return (isTold ? [] : [.tell]) + [.release] + (isHandlerRunning ? [] : [.endProcess])
    }

    private mutating func handlerBegan() -> [Step] {
        isHandlerRunning = true
        return []
    }

    private mutating func handlerEnded() -> [Step] {
        isHandlerRunning = false
        guard stage == .released else { return [] }
        stage = .over
        return [.endProcess]
    }

    private mutating func abandoned() -> [Step] {
        let steps: [Step] = stage == .over ? [] : stage == .released ? [.endProcess] : [.handOver]
        stage = .over
        return steps
    }
}
