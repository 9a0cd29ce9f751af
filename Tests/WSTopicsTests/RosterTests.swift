import Testing

@testable import WSTopics

@Suite(.timeLimit(.minutes(2))) struct RosterTests {
    private final class Guest: RosterMember {
        let id: Int
        var seat = -1

        init(_ id: Int) { self.id = id }
    }

    @Test func `whatever joins and leaves while it is gone through, nobody is passed over or met twice (S10)`() {
        var state: UInt64 = 7
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var roster = Roster<Guest>()
        var present: [Guest] = []
        var lastID = 0
        func change() {
            if present.isEmpty || random(2) == 0 {
                lastID += 1
                present.append(Guest(lastID))
                roster.add(present[present.count - 1])
            } else {
                roster.remove(present.remove(at: random(present.count)))
            }
        }
        for round in 0..<300 {
            for _ in 0..<random(12) { change() }
            let entitled = Set(present.map(\.id))
            var met: [Int] = []
            let end = roster.fix()
            for seat in 0..<end {
                if round % 3 > 0, random(3) == 0 { change() }
                if let guest = roster.member(at: seat) { met.append(guest.id) }
            }
            #expect(Set(met).count == met.count)
            #expect(entitled.isSuperset(of: met))
            let stayed = entitled.intersection(present.map(\.id))
            #expect(stayed.isSubset(of: met))
            roster.release()
            #expect(roster.count == present.count)
            #expect(Set(roster.members.map(\.id)) == Set(present.map(\.id)))
            for (seat, guest) in roster.members.enumerated() { #expect(guest.seat == seat) }
        }
    }
}
