import Glibc
import HansomTesting
import Testing

@testable import Actors

/// Two connected descriptors of the kernel.
struct DescriptorPair: ~Copyable {
    let first: Int32
    let second: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        (first, second) = (ends[0], ends[1])
    }

    deinit {
        close(first)
        close(second)
    }

    func write(_ text: String) { _ = unsafe Glibc.write(second, text, text.utf8.count) }
}

@Suite(.timeLimit(.minutes(2))) struct EpollPollerTests {
    /// What one wait without sleep finds, waiting for the kernel's own hand-over at most a second.
    private func events(_ poller: EpollPoller, timeout: UInt64 = 0) -> [UInt64: Readiness] {
        let found = poller.wait(timeout: timeout)
        var events: [UInt64: Readiness] = [:]
        for index in 0..<found {
            let event = poller.event(index)
            events[event.token] = event.readiness
        }
        return events
    }

    @Test func `it tells what can be read and written, as long as it can`() throws {
        let poller = try EpollPoller()
        let pair = DescriptorPair()
        try poller.add(pair.first, interest: [.read, .write], token: 7)
        #expect(events(poller) == [7: .write])
        pair.write("x")
        #expect(events(poller) == [7: [.read, .write]])
        #expect(events(poller) == [7: [.read, .write]])
        try poller.modify(pair.first, interest: .read, token: 8)
        #expect(events(poller) == [8: .read])
        try poller.modify(pair.first, interest: [], token: 8)
        #expect(events(poller) == [:])
        poller.remove(pair.first)
        try poller.add(pair.first, interest: .read, token: 9)
        #expect(events(poller) == [9: .read])
    }

    @Test func `a half-closed peer makes it readable and a closed one is a hang-up that nobody need ask for`() throws {
        let poller = try EpollPoller()
        let pair = DescriptorPair()
        try poller.add(pair.first, interest: .read, token: 1)
        shutdown(pair.second, Int32(SHUT_WR))
        #expect(events(poller) == [1: .read])
        try poller.modify(pair.first, interest: [], token: 1)
        #expect(events(poller) == [:])
        shutdown(pair.second, Int32(SHUT_RD))
        shutdown(pair.first, Int32(SHUT_RDWR))
        #expect(events(poller) == [1: .hangUp])
    }

    @Test func `a wake-up ends the wait, however many there were, and the next wait sleeps again`() throws {
        let poller = try EpollPoller()
        for _ in 0..<100 { poller.wake() }
        #expect(events(poller, timeout: .max) == [.max: []])
        #expect(events(poller) == [:])
    }

    @Test func `a wake-up from another thread ends a wait that goes on`() throws {
        let poller = try EpollPoller()
        nonisolated(unsafe) let shared = poller
        let woken = Probe<Int>()
        OSThreads.run(2) { index in
            if index == 0 {
                unsafe shared.wake()
            } else {
                woken.record(unsafe shared.wait(timeout: nil))
            }
        }
        #expect(woken.values == [1], "the wake-up itself")
    }

    @Test func `more events than one batch holds arrive in several`() throws {
        let poller = try EpollPoller()
        let count = 300
        var descriptors: [Int32] = []
        for token in 0..<count {
            var ends: [Int32] = [-1, -1]
            _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
            descriptors.append(ends[0])
            close(ends[1])
            try poller.add(ends[0], interest: .read, token: UInt64(token))
        }
        var seen: Set<UInt64> = []
        for _ in 0..<10 where seen.count < count { seen.formUnion(events(poller).keys) }
        #expect(seen.count == count)
        for descriptor in descriptors { close(descriptor) }
    }

    @Test func `what the kernel refuses is thrown`() throws {
        let poller = try EpollPoller()
        let pair = DescriptorPair()
        #expect(throws: SystemError(call: "epoll_ctl", errno: EBADF)) {
            try poller.add(-1, interest: .read, token: 1)
        }
        #expect(throws: SystemError(call: "epoll_ctl", errno: ENOENT)) {
            try poller.modify(pair.first, interest: .read, token: 1)
        }
        try poller.add(pair.first, interest: .read, token: 1)
        #expect(throws: SystemError(call: "epoll_ctl", errno: EEXIST)) {
            try poller.add(pair.first, interest: .read, token: 1)
        }
        poller.remove(-1)
    }

    @Test func `an alarm on a real scheduler ends its sleep`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let rangOnItsThread = await withCheckedContinuation { continuation in
            group.schedulers[0].run {
                group.schedulers[0].arm(
                    Alarm { continuation.resume(returning: group.schedulers[0].isCurrent) }, after: .milliseconds(2))
            }
        }
        #expect(rangOnItsThread)
        await group.shutdown()
    }
}
