import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct GroupTableTests {
    private enum Operation: Hashable {
        case join(String, Int), leave(String, Int), end(Int)
    }

    private static let operations: [Operation] =
        ["x", "y"].flatMap { key in [1, 2].flatMap { [.join(key, $0), .leave(key, $0)] } } + [.end(1), .end(2)]

    private struct Entry: Hashable {
        let key: String
        let member: Int
    }

    private func apply(
        _ operation: Operation, _ table: inout GroupTable<String, Int>, _ model: inout [Entry: Int]
    ) -> Bool {
        switch operation {
        case .join(let key, let member):
            table.join(key, member)
            model[Entry(key: key, member: member), default: 0] += 1
            return true
        case .leave(let key, let member):
            let entry = Entry(key: key, member: member)
            let times = model[entry] ?? 0
            model[entry] = times > 1 ? times - 1 : nil
            return table.leave(key, member) == (times > 0)
        case .end(let member):
            let keys = Set(model.keys.filter { $0.member == member }.map(\.key))
            model = model.filter { $0.key.member != member }
            return table.ended(member) == keys
        }
    }

    private func explore(_ table: GroupTable<String, Int>, _ model: [Entry: Int], _ left: Int) -> Bool {
        let agrees =
            Set(table.keys) == Set(model.keys.map(\.key))
            && ["x", "y"].allSatisfy { key in
                table.members(of: key)
                    == Dictionary(
                        uniqueKeysWithValues: model.filter { $0.key.key == key }.map { ($0.key.member, $0.value) })
            }
            && [1, 2].allSatisfy { member in
                table.groups(of: member) == Set(model.keys.filter { $0.member == member }.map(\.key))
            }
        guard agrees, left > 0 else { return agrees }
        return Self.operations.allSatisfy { operation in
            var (table, model) = (table, model)
            return apply(operation, &table, &model) && explore(table, model, left - 1)
        }
    }

    @Test func `groups hold who has joined, as often as it has, and nobody who has ended (P10)`() {
        #expect(explore(GroupTable(), [:], 4))
    }
}
