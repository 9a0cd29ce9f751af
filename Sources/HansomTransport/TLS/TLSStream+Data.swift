import Glibc

/// Bytes through an open session.
extension TLSStream {
    /// The plain text that fits in one record (RFC 8446 section 5.1).
    private static let recordSize = 16 * 1024

    /// The most records that one read takes in: they may hold a byte each, and cost much more than a byte.
    static let recordsPerRead = 1024

    /// Reads until the buffer is full, nothing is left inside, or it was as much work as one read may be.
    func read(from session: TLSSession, into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        var total = 0
        var records = 0
        readAwaitsRoom = false
        repeat {
            records += 1
            // Safety: `total` is less than the size of the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[total...])
            switch unsafe session.read(into: rest) {
            case .done(let count):
                total += count
                mayHoldMore = session.holdsBytes
            case .wantsRead:
                // What is still inside is a part of a record: its rest will be told from below.
                mayHoldMore = false
                return total > 0 ? .bytes(total) : .wouldBlock
            case .wantsWrite:
                mayHoldMore = false
                readAwaitsRoom = true
                return total > 0 ? .bytes(total) : .wouldBlock
            case .closed: return end(.endOfStream, after: total)
            case .lost(let error): return end(.failed(error), after: total)
            case .broken(let failure):
                fail(writing: failure.error)
                return end(.failed(failure.error), after: total)
            }
        } while mayHoldMore && total < buffer.count && records < Self.recordsPerRead
        return .bytes(total)
    }

    /// Writes record by record until all is taken or there is no room.
    func write(_ buffers: UnsafeBufferPointer<iovec>, to session: TLSSession) -> StreamProgress {
        // Safety: the vectors and what they point at are good for the duration of the call, as the contract says.
        var source = unsafe VectorCursor(buffers)
        var total = 0
        while !source.isAtEnd {
            let outcome = unsafe source.withChunk(of: Self.recordSize) { chunk in
                assert(chunk.count >= blockedCount, "a blocked write must be offered again in full")
                let outcome = unsafe session.write(chunk)
                blockedCount = if case .done = outcome { 0 } else { chunk.count }
                return outcome
            }
            switch outcome {
            case .done(let count):
                total += count
                source.advance(by: count)
            case .wantsRead:
                writeAwaitsBytes = true
                return total > 0 ? .bytes(total) : .wouldBlock
            case .wantsWrite:
                return total > 0 ? .bytes(total) : .wouldBlock
            case .closed: return fail(writing: .truncated, after: total)
            case .lost(let error): return fail(writing: error, after: total)
            case .broken(let failure):
                readEnd = readEnd ?? .failed(failure.error)
                return fail(writing: failure.error, after: total)
            }
        }
        return .bytes(total)
    }

    /// Sends `close_notify` if there is room for it, and ends the stream below when it is out.
    func finishClosing(_ session: TLSSession) {
        switch session.shutdown() {
        case .wantsRead, .wantsWrite: return
        case .done, .closed, .lost, .broken:
            writeSide = .closed
            lower.closeWrite()
        }
    }

    /// Notes how reading ended; what was read before is handed out first.
    private func end(_ end: StreamProgress, after total: Int) -> StreamProgress {
        readEnd = end
        mayHoldMore = false
        return total > 0 ? .bytes(total) : end
    }

    @discardableResult
    private func fail(writing error: StreamError, after total: Int = 0) -> StreamProgress {
        writeSide = .failed(error)
        return total > 0 ? .bytes(total) : .failed(error)
    }
}
