/// An end that waits.
///
/// A message and the close, or the violation, behind it often arrive together. Were the end acted on as soon as it is read,
/// our close frame would stand in the output before whoever got the message has run, and the answer could not be sent any
/// more. While an end is held, sending goes on as if it had not come, and what follows it is swallowed.
extension ProtocolMachine {
    /// Boxed: almost no connection has one at any time.
    indirect enum HeldEnd: Sendable {
        case close(CloseFrame)
        case failure(ProtocolFailure.Kind)
    }

    /// Whether there is an end that waits.
    package var isEndHeld: Bool { heldEnd != nil }

    /// Acts on the end that was held back.
    ///
    /// - Returns: the event that it is; `nil` when none was held.
    package mutating func takeHeldEnd() -> ProtocolEvent? {
        holdsEnd = false
        guard let end = heldEnd else { return nil }
        heldEnd = nil
        return switch end {
        case .close(let close): self.end(close)
        case .failure(let kind): fail(kind)
        }
    }
}
