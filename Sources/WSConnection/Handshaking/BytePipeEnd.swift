internal import Actors
internal import HansomTransport

/// The end of a `BytePipe` that the program has: read and written with `await`, by two tasks at once if need be.
@safe final class BytePipeEnd: StreamObserver, @unchecked Sendable {
    // Safety: after `init` only the scheduler's thread touches it: as a part of the actor that lives there.
    private let stream: PipeStream
    private let scheduler: Scheduler
    private var reader: UnsafeContinuation<Void, Never>?
    private var writer: UnsafeContinuation<Void, Never>?
    private var isClosed = false

    init(_ stream: PipeStream, on scheduler: Scheduler) {
        self.stream = stream
        self.scheduler = scheduler
    }

    func streamIsReadable() { wakeReader() }
    func streamIsWritable() { wakeWriter() }

    func read() async throws(WebSocketError) -> [UInt8] {
        while true {
            try check()
            let buffer = unsafe TransportResources.of(scheduler).readBuffer
            switch unsafe stream.read(into: buffer) {
            case .bytes(let count): return unsafe Array(buffer[..<count])
            case .endOfStream: return []
            case .failed(let error): throw WebSocketError(.connectionLost, "the pipe broke: \(error)")
            case .wouldBlock: await readable()
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws(WebSocketError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try check()
            switch stream.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: await writable()
            case .endOfStream, .failed:
                throw WebSocketError(.connectionLost, "the WebSocket at the pipe's other end is gone")
            }
        }
    }

    func finish() { stream.closeWrite() }

    func close() {
        isClosed = true
        stream.close()
        wakeReader()
        wakeWriter()
    }

    private func check() throws(WebSocketError) {
        if isClosed { throw WebSocketError(.connectionLost, "the pipe was closed") }
        if Task.isCancelled { throw WebSocketError(.cancelled, "the task that waited at the pipe was cancelled") }
    }

    // A pipe tells of its readiness again as long as it is asked to: none is missed on the way to the suspension.

    private func readable(isolation: isolated (any Actor)? = #isolation) async {
        stream.observer = self
        stream.setWantsRead(true)
        await withTaskCancellationHandler {
            // A closure that names it stays on the pipe's thread; without it this one would run on the global pool.
            _ = isolation
            await unsafe withUnsafeContinuation { continuation in
                if isClosed || Task.isCancelled { return unsafe continuation.resume() }
                unsafe reader = continuation
            }
        } onCancel: {
            scheduler.run { self.wakeReader() }
        }
        stream.setWantsRead(false)
    }

    private func writable(isolation: isolated (any Actor)? = #isolation) async {
        stream.observer = self
        stream.setWantsWrite(true)
        await withTaskCancellationHandler {
            // A closure that names it stays on the pipe's thread; without it this one would run on the global pool.
            _ = isolation
            await unsafe withUnsafeContinuation { continuation in
                if isClosed || Task.isCancelled { return unsafe continuation.resume() }
                unsafe writer = continuation
            }
        } onCancel: {
            scheduler.run { self.wakeWriter() }
        }
        stream.setWantsWrite(false)
    }

    private func wakeReader() {
        let waiter = unsafe reader
        unsafe reader = nil
        unsafe waiter?.resume()
    }

    private func wakeWriter() {
        let waiter = unsafe writer
        unsafe writer = nil
        unsafe waiter?.resume()
    }
}
