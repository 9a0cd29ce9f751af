import WSProtocol

/// Frames as a plain, byte-wise reading of RFC 6455 has them, without compression: what the machine is compared with.
struct ReferenceDecoder {
    /// What was read, or that bytes are missing.
    private struct Incomplete: Error {}

    private struct Message {
        var isText: Bool
        var payload: [UInt8] = []
        var validator = ReferenceUTF8()
        var count = 0
        var frames = 0
    }

    let isServer: Bool
    let limits: MessageLimits
    /// Whether the close frame had been sent before a byte came.
    let hasClosed: Bool
    private(set) var events: [ProtocolEvent] = []
    private var message: Message?
    private var rest: ArraySlice<UInt8>

    init(_ input: [UInt8], isServer: Bool, limits: MessageLimits, hasClosed: Bool) {
        self.isServer = isServer
        self.limits = limits
        self.hasClosed = hasClosed
        rest = input[...]
        do {
            while try frame() {}
        } catch is Incomplete {
        } catch {
            guard let failure = error as? ProtocolFailure else { fatalError("\(error)") }
            events.append(.failure(failure))
        }
    }

    /// - Returns: whether more may follow.
    private mutating func frame() throws -> Bool {
        let head = try take(2)
        try checkBits(head[0], head[1])
        let opcode = Opcode(rawValue: head[0] & 15)
        let isFinal = head[0] & 0x80 != 0
        let length = try length(head[1] & 0x7F)
        guard length >> 63 == 0 else { throw failure(.lengthTopBitSet(length)) }
        let count = Int(length)
        if !opcode.isControl { try checkLimits(opcode, count) }
        let mask = head[1] & 0x80 != 0 ? try take(4) : [0, 0, 0, 0]
        if !opcode.isControl { announce(opcode, count) }
        let masked = rest.prefix(count)
        rest = rest.dropFirst(count)
        let payload = masked.enumerated().map { $0.element ^ mask[$0.offset % 4] }
        if opcode.isControl {
            guard payload.count == count else { throw Incomplete() }
            return try control(opcode, payload)
        }
        try data(payload, isFinal: isFinal && payload.count == count)
        guard payload.count == count else { throw Incomplete() }
        return true
    }

    private func failure(_ kind: ProtocolFailure.Kind) -> ProtocolFailure { ProtocolFailure(kind) }

    private mutating func take(_ count: Int) throws -> [UInt8] {
        guard rest.count >= count else { throw Incomplete() }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    private func checkBits(_ first: UInt8, _ second: UInt8) throws {
        for bit in 1...3 where first & 0x80 >> bit != 0 { throw failure(.reservedBit(bit)) }
        let opcode = Opcode(rawValue: first & 15)
        guard [0, 1, 2, 8, 9, 10].contains(first & 15) else { throw failure(.reservedOpcode(opcode)) }
        let isMasked = second & 0x80 != 0
        if isMasked != isServer { throw failure(isServer ? .unmaskedFrame : .maskedFrame) }
        if first & 15 >= 8 {
            guard first & 0x80 != 0 else { throw failure(.fragmentedControlFrame(opcode)) }
            guard second & 0x7F <= 125 else { throw failure(.controlPayloadTooLong(count: Int(second & 0x7F))) }
        } else if first & 15 == 0 {
            guard message != nil else { throw failure(.unexpectedContinuation) }
        } else {
            guard message == nil else { throw failure(.messageInterrupted(by: opcode)) }
        }
    }

    private mutating func length(_ short: UInt8) throws -> UInt64 {
        guard short >= 126 else { return UInt64(short) }
        let bytes = try take(short == 126 ? 2 : 8)
        let length = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length > (short == 126 ? 125 : 65535) else { throw failure(.lengthNotMinimal(length)) }
        return length
    }

    private func checkLimits(_ opcode: Opcode, _ count: Int) throws {
        if hasClosed { return }
        if let limit = limits.maxFrameSize, count > limit { throw failure(.frameTooBig(count: count, limit: limit)) }
        let (total, overflow) = (message?.count ?? 0).addingReportingOverflow(count)
        if overflow || total > limits.maxMessageSize {
            throw failure(.messageTooBig(count: overflow ? .max : total, limit: limits.maxMessageSize))
        }
        if message?.frames ?? 0 >= limits.maxFragments { throw failure(.tooManyFragments(limit: limits.maxFragments)) }
    }

    private mutating func announce(_ opcode: Opcode, _ count: Int) {
        var now = message ?? Message(isText: opcode == .text)
        now.count = now.count.addingReportingOverflow(count).partialValue
        now.frames += 1
        message = now
    }

    private mutating func data(_ payload: [UInt8], isFinal: Bool) throws {
        guard var now = message else { return }
        now.payload += payload
        if now.isText, !now.validator.accept(payload) { throw failure(.textNotUTF8) }
        message = now
        guard isFinal else { return }
        message = nil
        guard !now.isText || String(validating: now.payload, as: UTF8.self) != nil else {
            throw failure(.textNotUTF8)
        }
        if hasClosed { return }
        events.append(now.isText ? .text(String(decoding: now.payload, as: UTF8.self)) : .binary(now.payload))
    }

    private mutating func control(_ opcode: Opcode, _ payload: [UInt8]) throws -> Bool {
        switch opcode {
        case .ping: events.append(.ping(payload))
        case .pong: events.append(.pong(payload))
        default:
            events.append(.close(try close(payload)))
            return false
        }
        return true
    }

    private func close(_ payload: [UInt8]) throws -> CloseFrame {
        if payload.isEmpty { return CloseFrame(code: .noStatus) }
        guard payload.count > 1 else { throw failure(.closeBodyOfOneByte) }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        let isAllowed = [1000...1003, 1007...1014, 3000...4999].contains { $0.contains(code.rawValue) }
        guard isAllowed else { throw failure(.forbiddenCloseCode(code)) }
        guard let reason = String(validating: payload[2...], as: UTF8.self) else { throw failure(.reasonNotUTF8) }
        return CloseFrame(code: code, reason: reason)
    }
}
