import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct ObserverListTests {
    private struct Explorer {
        var states = 0

        /// Every sequence of `left` more operations, beside a plain array.
        mutating func explore(_ list: ObserverList<UInt64>, _ model: [UInt64], _ next: UInt64, _ left: Int) {
            states += 1
            #expect(list.count == model.count)
            var taken = list
            let (all, rest) = (taken.takeAll(), taken.takeAll())
            #expect(all == model && rest == [] && taken.count == 0)
            guard left > 0 else { return }
            var added = list
            added.add(next, next)
            explore(added, model + [next], next + 1, left - 1)
            for id in 1..<max(next, 2) {
                var removed = list
                removed.remove(id)
                explore(removed, model.filter { $0 != id }, next, left - 1)
            }
        }
    }

    @Test func `whatever is added and taken back, the rest is told in order, once (P7)`() {
        var explorer = Explorer()
        explorer.explore(ObserverList(), [], 1, 6)
        #expect(explorer.states > 300)
    }
}
