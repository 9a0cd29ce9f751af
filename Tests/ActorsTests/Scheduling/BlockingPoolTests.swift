import Glibc
import HansomTesting
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct BlockingPoolTests {
    @Test func `work runs on threads of the pool, as many at once as the limit says`() async {
        let limit = 4
        let pool = BlockingPool(limit: limit, name: "test")
        let meeting = Meeting(limit)
        let threads = await withTaskGroup { group in
            for _ in 0..<limit {
                group.addTask {
                    await pool.run {
                        // Goes on only when all are here at once.
                        meeting.attend()
                        return currentThread()
                    }
                }
            }
            return await group.reduce(into: Set<UInt>()) { $0.insert($1) }
        }
        #expect(threads.count == limit)
        pool.shutdown()
    }

    @Test func `no more run at once than the limit, and all run`() async {
        let pool = BlockingPool(limit: 3, name: "test")
        let running = Counter()
        let probe = Probe<Int>()
        await withTaskGroup { group in
            for _ in 0..<200 {
                group.addTask {
                    await pool.run {
                        probe.record(running.add())
                        sched_yield()
                        running.add(-1)
                    }
                }
            }
        }
        #expect(probe.count == 200)
        #expect(probe.values.allSatisfy { $0 <= 3 })
        pool.shutdown()
    }

    @Test(arguments: [1, 0, -1])
    func `one thread does what waits in order`(limit: Int) async {
        let pool = BlockingPool(limit: limit, name: "test")
        let probe = Probe<Int>()
        for number in 0..<1_000 { pool.submit { probe.record(number) } }
        await pool.run {}
        #expect(probe.values == Array(0..<1_000))
        pool.shutdown()
    }

    @Test func `what was done is released while other work still waits`() async {
        final class Token: Sendable {}
        let pool = BlockingPool(limit: 1, name: "test")
        let meeting = Meeting(2)
        var tokens: [WeakReference<Token>] = []
        for _ in 0..<100 {
            let token = Token()
            tokens.append(WeakReference(token))
            pool.submit { _ = token }
        }
        pool.submit { meeting.attend() }
        pool.submit {}
        OSThreads.run { _ in meeting.attend() }
        // One closure waits still or has just run; those before it are gone.
        #expect(tokens.allSatisfy { $0.object == nil })
        await pool.run {}
        pool.shutdown()
    }

    @Test func `without a thread to be had the work is done by who brings it`() async {
        let pool = BlockingPool(limit: 2, name: "test") { _, _ in EAGAIN }
        let probe = Probe<UInt>()
        pool.submit { probe.record(currentThread()) }
        #expect(probe.values == [currentThread()])
        #expect(await pool.run { 7 } == 7)
        pool.shutdown()
    }

    @Test func `an error of the work is the caller's, with its type`() async {
        struct Refused: Error, Equatable {}
        let pool = BlockingPool(limit: 1, name: "test")
        await #expect(throws: Refused()) {
            try await pool.run { () throws(Refused) in throw Refused() }
        }
        pool.shutdown()
    }

    @Test func `a pool that was shut down still does what waits and what comes`() async {
        let pool = BlockingPool(limit: 1, name: "test")
        let probe = Probe<Int>()
        let meeting = Meeting(2)
        pool.submit { meeting.attend() }
        for number in 0..<10 { pool.submit { probe.record(number) } }
        pool.shutdown()
        OSThreads.run { _ in meeting.attend() }
        await pool.run {}
        #expect(probe.values == Array(0..<10))
    }

    @Test func `an idle thread takes the next work`() async {
        let pool = BlockingPool(limit: 8, name: "test")
        var threads: Set<UInt> = []
        for _ in 0..<50 { threads.insert(await pool.run { currentThread() }) }
        #expect(threads.count < 50)
        pool.shutdown()
    }

    @Test func `names are looked up on threads of their own (P28)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1, blockingThreads: 1, resolverThreads: 2))
        let meeting = Meeting(2)
        group.blockingPool.submit { meeting.attend() }
        let pool = await group.schedulers[0].ask { $0.resolverPool }
        #expect(pool === group.resolverPool)
        #expect(await group.resolverPool.run { 7 } == 7, "however full the blocking pool is")
        OSThreads.run { _ in meeting.attend() }
        await group.shutdown()
    }

    @Test func `blocking work leaves the schedulers alone`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        let meeting = Meeting(2)
        // The work waits for the scheduler, which could not come if the work ran on it.
        async let work: UInt = blocking {
            meeting.attend()
            return currentThread()
        }
        scheduler.run { meeting.attend() }
        #expect(try await work != scheduler.ask { _ in currentThread() })
        await group.shutdown()
    }

    @Test func `who is cancelled goes on, work that has begun ends, and work that has not is left out (P23)`()
        async throws
    {
        let group = try SchedulerGroup(options: .init(count: 1, blockingThreads: 1))
        let (begins, ends) = (Meeting(2), Meeting(2))
        let probe = Probe<String>()
        let begun = Process<Int>.spawn(on: group.schedulers[0]) { _ in
            do {
                try await blocking {
                    begins.attend()
                    ends.attend()
                    probe.record("worked, cancelled: \(Task.isCancelled)")
                }
            } catch {
                probe.record("caller: \(error is CancellationError)")
            }
        }
        OSThreads.run { _ in begins.attend() }
        // The one thread of the pool is taken.
        let waiting = Process<Int>.spawn(on: group.schedulers[0]) { _ in try await blocking { probe.record("never") } }
        for process in [begun, waiting] {
            process.exit(.shutdown)
            let ending = try await process.down()
            #expect(ending.kind == .shutdown)
        }
        #expect(probe.values == ["caller: true"])
        OSThreads.run { _ in ends.attend() }
        await group.blockingPool.run {}
        #expect(probe.values == ["caller: true", "worked, cancelled: true"])
        await group.shutdown()
    }
}

/// A place where so many threads wait for each other.
@safe final class Meeting: @unchecked Sendable {
    // Safety: the barrier stands at one address from `init` to `deinit` and is made for any thread.
    private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)

    init(_ count: Int) { _ = unsafe pthread_barrier_init(barrier, nil, UInt32(count)) }

    deinit {
        unsafe pthread_barrier_destroy(barrier)
        unsafe barrier.deallocate()
    }

    func attend() { _ = unsafe pthread_barrier_wait(barrier) }
}
