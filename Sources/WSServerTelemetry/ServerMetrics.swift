internal import Actors
internal import CoreMetrics

/// Feeds a metrics back end: durations as they come, all else read off the server in intervals.
final class ServerMetrics: ServerMeasuring {
    private let factory: any MetricsFactory
    private let interval: Duration
    private let handshakeDuration: Timer
    private let connectionDuration: Timer

    init(_ factory: any MetricsFactory, every interval: Duration) {
        self.factory = factory
        self.interval = interval
        handshakeDuration = Timer(label: "hansom_handshake_duration", factory: factory)
        connectionDuration = Timer(label: "hansom_connection_duration", factory: factory)
    }

    func handshakeEnded(_ result: HandshakeResult, after time: Duration) {
        handshakeDuration.recordNanoseconds(Int64(clamping: time.clampedNanoseconds))
    }

    func connectionEnded(after time: Duration) {
        connectionDuration.recordNanoseconds(Int64(clamping: time.clampedNanoseconds))
    }

    /// A process reports until the server's end, and once more then.
    func serverStarted(_ server: WebSocketServer) {
        let (factory, interval) = (factory, interval)
        Process<Down>.spawn(label: "metrics of \(server.pid)") { me in
            me.monitor(server.pid) { $0 }
            var report = MetricsReport(factory)
            while true {
                let down = await me.receive(timeout: interval)
                report.report(await server.statistics())
                if down != nil { return }
            }
        }
    }
}
