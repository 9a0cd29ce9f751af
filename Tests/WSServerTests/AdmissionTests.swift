import Testing

@testable import WSServer

/// What acceptors are told when they ask for a place (S3).
@Suite(.timeLimit(.minutes(2))) struct AdmissionTests {
    private func admission(_ connections: Int, handshakes: Int = 100, perPeer: Int? = nil) -> Admission<String> {
        Admission(maxConnections: connections, maxHandshakes: handshakes, maxPerPeer: perPeer)
    }

    @Test func `gives no more places than there are, and wakes who found none (S3)`() {
        var admission = admission(2)
        let answers = [0, 1, 0, 1, 0].map { admission.reserve(for: $0) }
        #expect(answers == [true, true, false, false, false])
        #expect(admission.wakeable() == [])
        admission.handshakeEnded(nil)
        // One place, one acceptor, the one that has waited longest.
        #expect(admission.wakeable() == [0])
        #expect(admission.wakeable() == [1])
        #expect(admission.wakeable() == [])
    }

    @Test func `a handshake that becomes a connection keeps its place, and makes room among handshakes (S3)`() {
        var admission = admission(3, handshakes: 1)
        #expect(admission.reserve(for: 0) == true)
        #expect(admission.reserve(for: 0) == false)
        admission.connectionBegan()
        #expect(admission.wakeable() == [0])
        #expect((admission.handshakes, admission.connections) == (0, 1))
        #expect(admission.room == 1)
        admission.connectionEnded(nil)
        #expect((admission.handshakes, admission.connections) == (0, 0))
    }

    @Test func `raising the limit wakes, lowering it keeps what is there (S3)`() {
        var admission = admission(1)
        #expect(admission.reserve(for: 0) == true)
        admission.connectionBegan()
        #expect(admission.reserve(for: 0) == false)
        admission.maxConnections = 3
        #expect(admission.wakeable() == [0])
        #expect(admission.reserve(for: 0) == true)
        admission.connectionBegan()
        admission.maxConnections = 1
        #expect(admission.connections == 2 && admission.room == 0)
        #expect(admission.reserve(for: 0) == false)
        admission.connectionEnded(nil)
        #expect(admission.wakeable() == [])
        admission.connectionEnded(nil)
        #expect(admission.wakeable() == [0])
    }

    @Test func `while suspended nobody is let in (S3)`() {
        var admission = admission(10)
        admission.isSuspended = true
        #expect(admission.reserve(for: 7) == false)
        #expect(admission.wakeable() == [])
        admission.isSuspended = false
        #expect(admission.wakeable() == [7])
    }

    @Test func `one peer holds no more places than it may, and forgets none (S3)`() {
        var admission = admission(10, perPeer: 2)
        for expected in [true, true, false] {
            #expect(admission.reserve(for: 0) == true)
            #expect(admission.admit("a") == expected)
            if !expected { admission.handshakeEnded(nil) }
        }
        #expect(admission.turnedAway == 1)
        #expect(admission.reserve(for: 0) == true)
        #expect(admission.admit("b") == true)
        admission.handshakeEnded("a")
        #expect(admission.reserve(for: 0) == true)
        #expect(admission.admit("a") == true)
        #expect(admission.admit("a") == false)
        admission.connectionBegan()
        admission.connectionEnded("a")
        #expect(admission.admit("a") == true)
        // Who has no address is not counted.
        for _ in 0..<5 { #expect(admission.admit(nil) == true) }
    }

    @Test func `whatever comes and goes, places and peers add up (S3)`() {
        var random = SystemRandomNumberGenerator()
        var admission = admission(8, handshakes: 4, perPeer: 3)
        var (handshakes, connections): ([Int], [Int]) = ([], [])
        func peer(_ number: Int) -> String { "\(number)" }
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                guard admission.reserve(for: 0) else { break }
                let number = Int.random(in: 0..<4, using: &random)
                if admission.admit(peer(number)) { handshakes.append(number) } else { admission.handshakeEnded(nil) }
            case 2:
                guard let number = handshakes.popLast() else { break }
                if Bool.random(using: &random) {
                    admission.connectionBegan()
                    connections.append(number)
                } else {
                    admission.handshakeEnded(peer(number))
                }
            default:
                connections.shuffle(using: &random)
                if let number = connections.popLast() { admission.connectionEnded(peer(number)) }
            }
            #expect(admission.handshakes == handshakes.count && admission.connections == connections.count)
            #expect(handshakes.count <= 4 && handshakes.count + connections.count <= 8)
            for number in 0..<4 { #expect((handshakes + connections).count { $0 == number } <= 3) }
            _ = admission.wakeable()
        }
    }

    @Test(arguments: [
        ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "10.1.2.4", false), ("10.1.2.3", "::ffff:10.1.2.3", true),
        ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ("::1", "127.0.0.1", false),
    ])
    func `a peer is an IPv4 address, or the first half of an IPv6 one (S3)`(one: String, other: String, isSame: Bool) {
        let first = PeerAddress(SocketAddress(numeric: one, port: 1))
        let second = PeerAddress(SocketAddress(numeric: other, port: 2))
        #expect(first != nil && second != nil)
        #expect((first == second) == isSame)
        #expect(PeerAddress(.unix(path: "/a")) == nil)
    }

    @Test func `trouble is told when it begins and when it is over, not in between (S3)`() {
        var exhaustion = Exhaustion()
        #expect(exhaustion.met(by: 0) == true)
        #expect(exhaustion.met(by: 0) == false)
        #expect(exhaustion.met(by: 1) == false)
        #expect(exhaustion.passed(for: 0) == false)
        #expect(exhaustion.passed(for: 1) == true)
        #expect(exhaustion.passed(for: 1) == false)
        #expect(exhaustion.met(by: 1) == true)
    }

    @Test func `inherited descriptors are those from 3 on, for this process only (S1)`() {
        #expect(InheritedDescriptors.range(pid: "42", count: "2", own: 42) == 3..<5)
        for (pid, count) in [
            (nil, "1"), ("42", nil), ("41", "1"), ("42", "0"), ("42", "-1"), ("42", "x"), ("42", "1025"),
        ]
            as [(String?, String?)]
        {
            #expect(InheritedDescriptors.range(pid: pid, count: count, own: 42).isEmpty)
        }
    }
}
