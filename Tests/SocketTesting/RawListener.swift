package import Actors
package import HansomTransport

/// A listening socket whose connections are taken by hand, so that a test decides what the server says.
package final class RawListener: DescriptorObserver, @unchecked Sendable {
    // Safety: everything but the lets belongs to `scheduler`'s thread.
    package let address: SocketAddress
    private let listener: ListeningSocket
    private let scheduler: Scheduler
    private var watch: Watch?
    private var isOpen = true
    private var waiters: [CheckedContinuation<Int32?, Never>] = []

    private init(_ listener: ListeningSocket, on scheduler: Scheduler) {
        self.listener = listener
        self.scheduler = scheduler
        address = listener.address
    }

    /// Listens on a free port of 127.0.0.1, or where told.
    package static func listen(
        on address: SocketAddress? = nil, backlog: Int32 = 64, schedulers: SchedulerGroup = .shared
    ) throws -> RawListener {
        guard let address = address ?? SocketAddress(numeric: "127.0.0.1", port: 0) else { preconditionFailure() }
        let socket = try ListeningSocket(address, options: .init(backlog: backlog))
        return RawListener(socket, on: schedulers.next())
    }

    /// What a client writes in its URL.
    package var url: String { "ws://\(address)" }

    /// Takes the next connection, waiting for one; `nil` once it is closed.
    package func accept() async -> RawSocket? {
        let descriptor: Int32? = await withCheckedContinuation { continuation in
            scheduler.run { [self] in
                guard isOpen else { return continuation.resume(returning: nil) }
                waiters.append(continuation)
                take()
                if !waiters.isEmpty && watch == nil {
                    watch = try? scheduler.watch(listener.descriptor, interest: .read, observer: self)
                }
            }
        }
        return descriptor.map { RawSocket(descriptor: $0, on: scheduler) }
    }

    /// How many connections wait to be taken; they are closed. For a test that wants none.
    package func drain() async -> Int {
        await scheduler.ask { [self] _ in
            var count = 0
            while let accepted = (try? Socket.accept(listener.descriptor)) ?? nil {
                Socket.close(accepted.descriptor)
                count += 1
            }
            return count
        }
    }

    /// Stops listening. The port is free when it returns.
    package func close() async {
        await scheduler.ask { [self] _ in
            guard isOpen else { return }
            isOpen = false
            unwatch()
            listener.close()
            let waiting = waiters
            waiters = []
            for waiter in waiting { waiter.resume(returning: nil) }
        }
    }

    package func descriptorIsReady(_ readiness: Readiness) { take() }

    private func take() {
        while !waiters.isEmpty, let accepted = (try? Socket.accept(listener.descriptor)) ?? nil {
            waiters.removeFirst().resume(returning: accepted.descriptor)
        }
        if waiters.isEmpty { unwatch() }
    }

    private func unwatch() {
        if let watch { scheduler.unwatch(watch) }
        watch = nil
    }
}
