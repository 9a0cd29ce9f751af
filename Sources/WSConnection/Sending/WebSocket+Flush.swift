internal import Actors
internal import Glibc
internal import HansomTransport

/// One write a turn: what was sent since the last is handed to the stream in one system call.
extension WebSocket: EndOfTurnFlush {
    package nonisolated func flushAtEndOfTurn() {
        onOwnThread { me in
            me.isFlushPending = false
            if me.machine.isEndHeld { me.endHeldBack() }
            me.flush()
        }
    }

    package nonisolated func streamIsWritable() { onOwnThread { $0.flush() } }

    /// Asks for a flush at the end of this turn.
    func markDirty() {
        if isFlushPending { return }
        isFlushPending = true
        scheduler.flushAtEndOfTurn(self)
    }

    /// A flush that was asked for still comes, and finds less: the scheduler holds the connection until then, so only its
    /// call ends `isFlushPending`, by which `abandon` knows.
    func flush() {
        guard let stream else { return }
        var hasTaken = false
        while true {
            machine.preparePendingOutput()
            if machine.output.isEmpty { break }
            switch write(to: stream) {
            case .bytes(let count):
                machine.output.consume(count)
                hasTaken = true
            case .wouldBlock: return waitUntilWritable(stream, hasTaken)
            case .endOfStream: return writeFailed()
            case .failed: return writeFailed()
            }
        }
        allWritten(stream)
    }

    /// Offers what waits, at most 16 chunks of it.
    private func write(to stream: any ByteStream) -> StreamProgress {
        let count = Swift.min(machine.output.chunkCount, 16)
        if count == 1 {
            let chunk = unsafe machine.output.chunk(0)
            var vector = unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: chunk.baseAddress), iov_len: chunk.count)
            return unsafe withUnsafePointer(to: &vector) {
                unsafe stream.write(UnsafeBufferPointer(start: $0, count: 1))
            }
        }
        return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
            for index in 0..<count {
                let chunk = unsafe machine.output.chunk(index)
                let base = unsafe UnsafeMutableRawPointer(mutating: chunk.baseAddress)
                unsafe vectors.initializeElement(at: index, to: iovec(iov_base: base, iov_len: chunk.count))
            }
            return unsafe stream.write(UnsafeBufferPointer(vectors))
        }
    }

    /// - Parameter hasTaken: whether the peer took some of what waited.
    private func waitUntilWritable(_ stream: any ByteStream, _ hasTaken: Bool) {
        if hasTaken || !isWriteWanted { deadlines.stalled(at: scheduler.time.nanoseconds) }
        if !isWriteWanted {
            isWriteWanted = true
            stream.setWantsWrite(true)
            keepDeadlines()
        }
        serveSenders()
        handlerMayGoOn()
    }

    private func allWritten(_ stream: any ByteStream) {
        machine.outputIsWritten()
        if isWriteWanted {
            isWriteWanted = false
            stream.setWantsWrite(false)
            deadlines.flows()
            keepDeadlines()
        }
        if let storage = unsafe machine.output.reclaim() { unsafe resources.take(back: storage) }
        serveSenders()
        if phase == .finishing { return finishWriting() }
        handlerMayGoOn()
    }

    /// What could not be written never will be; what can still be read is read to its end.
    private func writeFailed() {
        isWriteBroken = true
        machine.output.consume(machine.output.count)
        if let stream, isWriteWanted {
            isWriteWanted = false
            stream.setWantsWrite(false)
        }
        published.publish(.closing)
        failSenders()
        guard phase == .open || phase == .closeSent else { return release() }
        armCloseDeadline()
        // What waited for room has none to wait for.
        handlerMayGoOn()
    }
}
