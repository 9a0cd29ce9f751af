internal import Actors
internal import HansomTransport

/// Happy Eyeballs (RFC 8305): which address is tried when, without a clock or a socket.
///
/// Attempts begin one after the other, each a little after the one before or at once when one has failed, and go on
/// side by side; the first that connects wins. So an address that does not answer costs a delay and not a deadline.
struct AddressRace {
    /// What is to be done next.
    enum Step: Equatable {
        /// Begin the attempt with this number; and if there is another address, wait the delay for it.
        case start(Int, delayed: Bool)
        /// This one is connected: end the others.
        case won(Int)
        /// None is left.
        case lost
        /// Nothing until something happens.
        case wait
    }

    /// What became of an address.
    struct Failure: Equatable {
        let address: SocketAddress
        let error: SystemError
    }

    /// In the order of the attempts.
    let addresses: [SocketAddress]
    private(set) var failures: [Failure] = []
    private var started = 0
    private var isOver = false

    /// More than any honest name has.
    static let mostAddresses = 32

    /// - Parameter addresses: in the order of the system's preference (RFC 6724). The families take turns, beginning with that of
    ///   the first (RFC 8305 section 4), so that one that leads nowhere does not hold up the other.
    init(_ addresses: [SocketAddress]) {
        let first = addresses.filter { $0.family == addresses[0].family }
        let second = addresses.filter { $0.family != addresses[0].family }
        var mixed: [SocketAddress] = []
        for index in 0..<max(first.count, second.count) {
            mixed += first.dropFirst(index).prefix(1) + second.dropFirst(index).prefix(1)
        }
        self.addresses = Array(mixed.prefix(AddressRace.mostAddresses))
    }

    /// At the beginning, and when the delay after the last attempt is over.
    mutating func next() -> Step {
        guard !isOver, started < addresses.count else { return started == failures.count ? .lost : .wait }
        defer { started += 1 }
        return .start(started, delayed: started + 1 < addresses.count)
    }

    /// An attempt came to nothing: the next begins at once (RFC 8305 section 5).
    mutating func failed(_ index: Int, _ error: SystemError) -> Step {
        failures.append(Failure(address: addresses[index], error: error))
        if started < addresses.count { return next() }
        return failures.count == started ? .lost : .wait
    }

    mutating func connected(_ index: Int) -> Step {
        isOver = true
        return .won(index)
    }
}
