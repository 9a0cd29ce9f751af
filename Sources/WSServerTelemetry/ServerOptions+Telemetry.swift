public import CoreMetrics
public import Tracing

extension ServerOptions {
    /// Feeds swift-metrics with the numbers of each server that is started with these options, as long as it runs.
    ///
    /// What is counted is read off the server every so often, so that nothing is done for it while messages flow; only how long
    /// handshakes and connections took is recorded as they end. Names begin with `hansom_`, as in `ServerStatistics`.
    ///
    /// - Parameters:
    ///   - interval: how often; default 10 s.
    ///   - factory: the back end; default: the one that the program has bootstrapped.
    public mutating func reportMetrics(
        every interval: Duration = .seconds(10), to factory: any MetricsFactory = MetricsSystem.factory
    ) {
        measuring = ServerMetrics(factory, every: interval)
    }

    /// Traces each request for a WebSocket and the connection that it becomes, with swift-distributed-tracing.
    ///
    /// The trace that a request belongs to is taken from its headers (`traceparent`, say) by the tracer's own propagation. Each
    /// request is a span from its head to its answer, each connection one until its end, as its child. An asynchronous
    /// handler runs in the connection's context: spans that it starts are the connection's children. A synchronous one does
    /// not: to bind a context for each message would cost each message.
    ///
    /// - Parameter tracer: default: the one that the program has bootstrapped.
    public mutating func traceConnections(with tracer: any Tracer = InstrumentationSystem.tracer) {
        tracing = ConnectionTracing(tracer)
    }
}
