import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct MessageQueueTests {
    /// Counts how many of its kind there are.
    private final class Token {
        let number: Int
        let living: Counter

        init(_ number: Int, _ living: Counter) {
            self.number = number
            self.living = living
            living.add()
        }

        deinit { living.add(-1) }
    }

    private enum Operation {
        case append, pop
        case remove(Int)
        case clear

        static var all: [Operation] { [.append, .append, .pop, .remove(0), .remove(1), .remove(3), .clear] }
    }

    /// Does what the digits of `script` say, in a queue and in an array, and says whether they agree all the time.
    private func run(_ script: Int, _ length: Int, _ living: Counter) -> Bool {
        var queue = MessageQueue<Token>()
        var model: [Int] = []
        var (left, next) = (script, 0)
        for _ in 0..<length {
            let operation = Operation.all[left % Operation.all.count]
            left /= Operation.all.count
            switch operation {
            case .append:
                for _ in 0..<3 {
                    queue.append(Token(next, living))
                    model.append(next)
                    next += 1
                }
            case .pop:
                let expected = model.isEmpty ? nil : model.removeFirst()
                if queue.popFirst()?.number != expected { return false }
            case .remove(let index) where index < model.count:
                if queue.remove(at: queue.head + index).number != model.remove(at: index) { return false }
                queue.shrink()
            case .remove: break
            case .clear:
                _ = queue.takeAll()
                model = []
            }
            guard queue.count == model.count, queue.isEmpty == model.isEmpty, living.value == model.count else {
                return false
            }
            for (offset, number) in model.enumerated() {
                if unsafe queue.slot(queue.head + offset).pointee.number != number { return false }
            }
        }
        return true
    }

    @Test func `a queue holds what an array would, whatever is done to it, and frees it (P13)`() {
        let living = Counter()
        let length = 6
        var scripts = 1
        for _ in 0..<length { scripts *= Operation.all.count }
        // A stride that shares no factor with the count reaches scripts of every kind.
        let wrong = stride(from: 0, to: scripts, by: 11).filter { !run($0, length, living) }
        #expect(wrong == [])
        #expect(living.value == 0, "nothing is left of what was in the queues")
    }

    @Test func `a place means the same message while others come and go in front of it and behind it (P13)`() {
        var queue = MessageQueue<Int>()
        for number in 0..<10 {
            queue.append(number)
        }
        let place = queue.head + 7
        _ = queue.popFirst()
        _ = queue.remove(at: place - 3)
        for number in 10..<100 {
            queue.append(number)
        }
        let seen = unsafe queue.slot(place).pointee
        #expect(seen == 7)
        while queue.popFirst() != nil { if queue.isTooWide { queue.shrink() } }
        #expect(queue.capacity <= 64, "a wide ring is given back")
        queue.grow()
        #expect(queue.end == 100, "places are counted from the first message there ever was")
    }
}
