import Glibc
import HansomTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ListeningUseTests {
    private func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) != -1 }

    @Test func `who uses a listening socket keeps its descriptor open, however often it is closed (P27)`() throws {
        // A number that nothing else in this program is given meanwhile.
        let made = try ListeningSocket(.loopback())
        let high = fcntl(made.descriptor, F_DUPFD_CLOEXEC, 700)
        try #require(high >= 700)
        let listener = try ListeningSocket(inherited: high)
        #expect(listener.beginUse() && listener.beginUse())
        listener.close()
        listener.close()
        #expect(isOpen(high))
        #expect(!listener.beginUse(), "nobody begins when it is closed")
        listener.endUse()
        #expect(isOpen(high))
        listener.endUse()
        #expect(!isOpen(high))
        made.close()
    }

    @Test func `a user that is gone without a word does not keep it open (P27)`() throws {
        let made = try ListeningSocket(.loopback())
        let high = fcntl(made.descriptor, F_DUPFD_CLOEXEC, 700)
        try #require(high >= 700)
        do {
            let listener = try ListeningSocket(inherited: high)
            #expect(listener.beginUse())
        }
        #expect(!isOpen(high))
        made.close()
    }
}
