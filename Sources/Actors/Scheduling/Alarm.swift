/// Something to be done at a time, on one scheduler: armed, moved and disarmed as often as one likes without
/// allocating again.
///
/// Confined to its scheduler's thread.
@usableFromInline
package class Alarm {
    /// Where a heap keeps an alarm: in the heap proper, or among those that are due and were taken out of it together.
    enum Place: Equatable {
        case none
        case heap(Int)
        case due(Int)
    }

    /// When it rings, in the scheduler's nanoseconds.
    // Safety (unchecked exclusivity, here and below): no access to these calls out.
    @safe @exclusivity(unchecked) package internal(set) final var deadline: UInt64 = 0
    @safe @exclusivity(unchecked) final var place = Place.none
    package final var action: () -> Void

    package init(_ action: @escaping () -> Void) { self.action = action }

    package final var isArmed: Bool { place != .none }

    /// Does what it is for.
    func ring() { action() }
}
