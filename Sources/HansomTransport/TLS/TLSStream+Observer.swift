/// What the stream below tells.
extension TLSStream: StreamObserver {
    package func streamIsReadable() {
        switch phase {
        case .shakingHands: return stepHandshake()
        case .idle, .failed, .closed: return
        case .open: break
        }
        if writeAwaitsBytes {
            writeAwaitsBytes = false
            updateInterest()
            if wantsWrite { observer?.streamIsWritable() }
        }
        guard case .open = phase, wantsRead else { return }
        observer?.streamIsReadable()
        tellLaterIfReadable()
    }

    package func streamIsWritable() {
        switch phase {
        case .shakingHands: return stepHandshake()
        case .idle, .failed, .closed: return
        case .open(let session):
            if case .closing = writeSide {
                finishClosing(session)
                updateInterest()
            }
        }
        if readAwaitsRoom {
            readAwaitsRoom = false
            updateInterest()
            if wantsRead { observer?.streamIsReadable() }
        }
        guard case .open = phase, case .open = writeSide, wantsWrite else { return }
        observer?.streamIsWritable()
    }
}
