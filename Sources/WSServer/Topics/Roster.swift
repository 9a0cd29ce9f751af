/// The members of one topic on one scheduler, each in a seat. While a message is handed out from seat to seat nobody
/// changes seats, so that none is passed over and none gets it twice.
struct Roster<Member: RosterMember> {
    private var seats: [Member?] = []
    private var emptySeats = 0
    private var isFixed = false

    var count: Int { seats.count - emptySeats }

    var members: [Member] { seats.compactMap(\.self) }

    /// Who has a seat, if it has not left meanwhile.
    func member(at seat: Int) -> Member? { seats[seat] }

    mutating func add(_ member: Member) {
        member.seat = seats.count
        seats.append(member)
    }

    mutating func remove(_ member: Member) {
        if isFixed {
            seats[member.seat] = nil
            emptySeats += 1
        } else if let last = seats.removeLast(), last !== member {
            seats[member.seat] = last
            last.seat = member.seat
        }
    }

    /// Keeps everyone in place until `release`.
    ///
    /// - Returns: how many seats there are. Who joins now sits behind them.
    mutating func fix() -> Int {
        isFixed = true
        return seats.count
    }

    /// Lets everyone move again, and closes the ranks.
    mutating func release() {
        isFixed = false
        guard emptySeats > 0 else { return }
        seats.removeAll { $0 == nil }
        for (seat, member) in seats.enumerated() { member?.seat = seat }
        emptySeats = 0
    }
}

/// What a roster seats; it remembers its seat, so that to leave costs the same however many there are.
protocol RosterMember: AnyObject {
    var seat: Int { get set }
}
