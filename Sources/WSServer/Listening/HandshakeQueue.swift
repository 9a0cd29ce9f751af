/// Which handshake makes room for a newcomer when there are as many as there may be, as a value.
///
/// The oldest goes of those that have said nothing, else the oldest of those that have said something and let us wait for
/// more. So half-open handshakes, however many and however often they are opened again, keep nobody out. Nobody goes whose
/// `patience` is not over, or who waits for us: where many come at once, each would make room for the next, and none would
/// come to its end.
struct HandshakeQueue: Sendable {
    /// How a handshake stands when it is looked at.
    enum Standing: Sendable {
        /// Nothing has come of its peer.
        case silent
        /// Something has come, and the rest is awaited: of TLS, of a request, of its end.
        case speaking
        /// It waits for us: bytes that are not read, a hook, a route.
        case served
        /// It is over, or counts as a handshake no more.
        case gone
    }

    /// How long a handshake is left in peace when others want its place.
    struct Patience: Sendable {
        var silent: Duration = .milliseconds(500)
        var speaking: Duration = .seconds(1)
    }

    private struct Entry: Sendable {
        let number: UInt64
        /// In nanoseconds.
        let beganAt: UInt64
    }

    private let patience: Patience
    private var silent = Line()
    /// Those that were seen to have said something.
    private var others = Line()

    /// How many are looked at in one go.
    private static let mostLooks = 64

    init(patience: Patience = .init()) { self.patience = patience }

    /// How many it remembers, those included that are gone.
    var count: Int { silent.count + others.count }

    /// A handshake has begun.
    ///
    /// - Parameters:
    ///   - living: how many there are. Those that are gone are forgotten when there are more of them.
    ///   - standing: how one stands now.
    mutating func append(_ number: UInt64, at time: UInt64, living: Int, _ standing: (UInt64) -> Standing) {
        silent.append(Entry(number: number, beganAt: time))
        guard count > 2 * living + HandshakeQueue.mostLooks else { return }
        silent.keep { standing($0.number) != .gone }
        others.keep { standing($0.number) != .gone }
    }

    /// Takes out the one that is to go; `nil` when none is, for now.
    mutating func next(at time: UInt64, _ standing: (UInt64) -> Standing) -> UInt64? {
        while let first = silent.first {
            switch standing(first.number) {
            case .gone: silent.removeFirst()
            case .speaking, .served:
                silent.removeFirst()
                others.append(first)
            case .silent:
                guard isOver(patience.silent, since: first.beganAt, at: time) else { return nextOfOthers(at: time, standing) }
                silent.removeFirst()
                return first.number
            }
        }
        return nextOfOthers(at: time, standing)
    }

    private mutating func nextOfOthers(at time: UInt64, _ standing: (UInt64) -> Standing) -> UInt64? {
        for _ in 0..<min(others.count, HandshakeQueue.mostLooks) {
            guard let first = others.first, isOver(patience.speaking, since: first.beganAt, at: time) else { return nil }
            others.removeFirst()
            switch standing(first.number) {
            case .gone: continue
            case .served: others.append(first)
            case .silent, .speaking: return first.number
            }
        }
        return nil
    }

    private func isOver(_ patience: Duration, since start: UInt64, at time: UInt64) -> Bool {
        time >= start && .nanoseconds(Int64(clamping: time - start)) >= patience
    }

    /// First in, first out.
    private struct Line: Sendable {
        private var entries: [Entry] = []
        private var head = 0

        var count: Int { entries.count - head }
        var first: Entry? { head < entries.count ? entries[head] : nil }

        mutating func append(_ entry: Entry) { entries.append(entry) }

        mutating func removeFirst() {
            head += 1
            guard head > HandshakeQueue.mostLooks, head > entries.count / 2 else { return }
            entries.removeFirst(head)
            head = 0
        }

        mutating func keep(_ isKept: (Entry) -> Bool) {
            entries = entries[head...].filter(isKept)
            head = 0
        }
    }
}
