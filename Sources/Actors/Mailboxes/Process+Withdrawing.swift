/// Taking messages out of a mailbox again that the body has not taken.
extension Process {
    /// Takes out all waiting messages that `match` makes something of. The others stay in their order.
    ///
    /// - Returns: what was made of them, in order.
    package nonisolated func withdraw<T: Sendable>(
        _ match: @escaping @Sendable (Message) -> T?
    ) async -> [T] {
        await withCheckedContinuation { continuation in
            core.scheduler.run { [self] in continuation.resume(returning: onOwnThread { $0.takeOut(match) }) }
        }
    }

    private func takeOut<T>(_ match: (Message) -> T?) -> [T] {
        // All of the user's code runs first; what it sends here comes behind what is looked at.
        let (head, end) = (queue.head, queue.end)
        var made: [T] = []
        var isWanted: [Bool] = []
        for place in head..<end {
            let found = match(queue[place])
            isWanted.append(found != nil)
            if let found { made.append(found) }
        }
        if made.isEmpty || queue.head != head { return [] }
        let taken = rearrange(isWanted)
        // Released only now: that too may run anybody's code.
        withExtendedLifetime(taken.messages) {}
        if let bound { for _ in 0..<taken.placesFreed { makeRoom(bound) } }
        return made
    }

    /// Takes out of the front of the queue the messages that are marked. Each of the others moves once, to its end.
    private func rearrange(_ isWanted: [Bool]) -> (messages: [Message], placesFreed: Int) {
        let (head, count, end) = (queue.head, queue.count, queue.end)
        var taken: [Message] = []
        // How many of those before each place are taken.
        var takenBefore = [0]
        for index in 0..<count {
            guard let message = queue.popFirst() else { break }
            if index < isWanted.count && isWanted[index] {
                taken.append(message)
            } else {
                queue.append(message)
            }
            takenBefore.append(taken.count)
        }
        var signals = 0
        guard let special else { return (taken, taken.count) }
        func moved(_ place: Int) -> Int { place + count - takenBefore[place - head] }
        for (id, place) in special.signalPlaces where place >= head {
            let isTaken = place - head < isWanted.count && isWanted[place - head]
            if isTaken { signals += 1 }
            special.signalPlaces[id] = isTaken ? nil : moved(place)
        }
        for index in special.systemRequests.indices {
            let place = special.systemRequests[index].place
            special.systemRequests[index].place = place >= end ? queue.end : moved(max(place, head))
        }
        return (taken, taken.count - signals)
    }
}
