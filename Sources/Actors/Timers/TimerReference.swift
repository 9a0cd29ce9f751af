/// A message that is to be sent later, as `sendAfter` and `sendEvery` return it.
public struct TimerReference: Sendable, Hashable {
    let timer: ProcessTimer

    @usableFromInline
    init(timer: ProcessTimer) { self.timer = timer }

    public static func == (a: TimerReference, b: TimerReference) -> Bool { a.timer === b.timer }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(timer)) }
}
