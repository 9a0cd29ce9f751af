package import Actors
package import HansomTransport

/// What remains of a connection that nobody holds any more: its last bytes are written, and the peer has a while to
/// end too.
package final class LingeringClose: StreamObserver {
    private let stream: any ByteStream
    private let scheduler: Scheduler
    private var rest: ArraySlice<UInt8>
    private var alarm: Alarm?
    private var isPeerDone = false
    private var whenDone: (() -> Void)?

    /// Begins; the alarm keeps it until it has ended.
    ///
    /// - Parameter whenDone: is called once when it has ended, never before this returns.
    @discardableResult
    package static func start(
        _ stream: any ByteStream, last: [UInt8], on scheduler: Scheduler, for time: Duration,
        whenDone: (() -> Void)? = nil
    ) -> LingeringClose {
        let close = LingeringClose(stream, last: last, on: scheduler)
        defer { close.announce(to: whenDone) }
        let alarm = Alarm { close.end() }
        close.alarm = alarm
        scheduler.arm(alarm, after: time)
        stream.observer = close
        stream.setWantsRead(true)
        close.streamIsWritable()
        return close
    }

    private func announce(to whenDone: (() -> Void)?) {
        guard let whenDone else { return }
        if alarm == nil { scheduler.deferAction(whenDone) } else { self.whenDone = whenDone }
    }

    private init(_ stream: any ByteStream, last: [UInt8], on scheduler: Scheduler) {
        self.stream = stream
        self.scheduler = scheduler
        rest = last[...]
    }

    package func streamIsReadable() {
        let buffer = unsafe TransportResources.of(scheduler).readBuffer
        switch unsafe stream.read(into: buffer) {
        case .bytes, .wouldBlock: return
        case .endOfStream:
            // The peer says no more, but may still listen.
            isPeerDone = true
            if rest.isEmpty { end() } else { stream.setWantsRead(false) }
        case .failed: end()
        }
    }

    package func streamIsWritable() {
        while !rest.isEmpty {
            switch stream.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: return stream.setWantsWrite(true)
            case .endOfStream, .failed: return end()
            }
        }
        if isPeerDone { return end() }
        stream.setWantsWrite(false)
        stream.closeWrite()
    }

    /// Ends it now.
    package func end() {
        stream.close()
        if let alarm { scheduler.disarm(alarm) }
        alarm?.action = {}
        alarm = nil
        whenDone?()
        whenDone = nil
    }
}
