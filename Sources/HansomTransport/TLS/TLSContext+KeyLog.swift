extension TLSContext {
    /// Notes a key for packet analysers, where that was asked for.
    func logKey(_ line: UnsafePointer<CChar>) {
        // Safety: the line lives during the call.
        unsafe keyLog?.append(line)
    }
}
