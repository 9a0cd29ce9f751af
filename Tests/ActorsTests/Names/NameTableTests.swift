import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct NameTableTests {
    private enum Operation: CaseIterable {
        case registerA1, registerA2, registerB1, registerB2, unregisterA, unregisterB, end1, end2
    }

    /// Does the operation to both, and says whether they answered alike.
    private func apply(_ operation: Operation, _ table: inout NameTable<Int>, _ model: inout [String: Int]) -> Bool {
        func register(_ name: String, _ owner: Int) -> Bool {
            let holder = model[name]
            if holder == nil { model[name] = owner }
            return table.register(name, to: owner) == holder
        }
        func unregister(_ name: String) -> Bool { table.unregister(name) == (model.removeValue(forKey: name) != nil) }
        func end(_ owner: Int) -> Bool {
            table.ended(owner)
            model = model.filter { $0.value != owner }
            return true
        }
        return switch operation {
        case .registerA1: register("a", 1)
        case .registerA2: register("a", 2)
        case .registerB1: register("b", 1)
        case .registerB2: register("b", 2)
        case .unregisterA: unregister("a")
        case .unregisterB: unregister("b")
        case .end1: end(1)
        case .end2: end(2)
        }
    }

    private func explore(_ table: NameTable<Int>, _ model: [String: Int], _ left: Int) -> Bool {
        let agrees =
            table.count == model.count && Set(table.all) == Set(model.keys)
            && [1, 2, 3].allSatisfy { owner in table.names(of: owner) == Set(model.filter { $0.value == owner }.keys) }
            && ["a", "b", "c"].allSatisfy { table.owner(of: $0) == model[$0] }
        guard agrees, left > 0 else { return agrees }
        return Operation.allCases.allSatisfy { operation in
            var (table, model) = (table, model)
            return apply(operation, &table, &model) && explore(table, model, left - 1)
        }
    }

    @Test func `one name has one owner, whatever is registered, freed and ended (P9)`() {
        #expect(explore(NameTable(), [:], 5))
    }
}
