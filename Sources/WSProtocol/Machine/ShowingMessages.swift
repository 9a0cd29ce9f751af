/// Showing messages where they lie, to one who looks at each and keeps none.
extension ProtocolMachine {
    /// Takes what the peer sent, cut anywhere, and shows its messages where they lie.
    ///
    /// A message that lies whole in `bytes`, in one frame and not compressed, is not copied; any other is put together
    /// first. Both closures may use the machine: to send the message back, for one. What has to be answered is queued in
    /// `output`.
    ///
    /// - Parameters:
    ///   - bytes: the next bytes of the stream. They are unmasked in place, and afterwards of no use.
    ///   - showMessage: is called for each whole message, in order.
    ///   - tell: is called for everything else, in order with the messages.
    public mutating func receive(
        _ bytes: inout [UInt8],
        onMessage showMessage: (_ machine: inout ProtocolMachine, _ message: MessageView) -> Void,
        onEvent tell: (_ machine: inout ProtocolMachine, _ event: ProtocolEvent) -> Void
    ) {
        unsafe bytes.withUnsafeMutableBytes { memory in
            var input = unsafe InputWindow(memory)
            while true {
                if let message = takeMessageInPlace(&input) {
                    message.show { showMessage(&self, $0) }
                    continue
                }
                switch nextToShow(&input) {
                case .message(let message)?:
                    shown = message.bytes
                    message.show { showMessage(&self, $0) }
                    shown = []
                case .event(let event)?: tell(&self, event)
                case nil: return
                }
            }
        }
    }

    /// Takes a message that lies whole in `input`, in one frame and not compressed.
    ///
    /// - Returns: `nil` when what comes next is anything else, be it wrong: then the input is as it was, and
    ///   `nextEvent` says what it is.
    package mutating func takeMessageInPlace(_ input: inout InputWindow) -> MessageInPlace? {
        guard frame == nil, partialHeader.isEmpty, state == .open, delivery == .messages, heldEnd == nil,
            !assembler.isActive, let start = unsafe input.remaining.baseAddress, input.count >= (isServer ? 6 : 2)
        else { return nil }
        let available = input.count
        // Safety: all loads end within the two bytes, or six, that are there, the payload within those that `available`
        // says.
        let first = unsafe start.load(as: UInt8.self)
        let second = unsafe start.load(fromByteOffset: 1, as: UInt8.self)
        // Final, no reserved bit, text or binary, and masked as it must be.
        guard first == 0x81 || first == 0x82, (second & 0x80 != 0) == isServer else { return nil }
        var (count, size, key) = (Int(second & 0x7F), 2, UInt32(0))
        if count < 126 {
            if isServer {
                key = unsafe UInt32(littleEndian: start.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
                size = 6
            }
            guard count <= limits.maxMessageSize, count <= limits.maxFrameSize ?? count, limits.maxFragments > 0 else {
                return nil
            }
        } else {
            guard case .complete(let header) = unsafe readHeader(UnsafeRawBufferPointer(input.remaining)) else {
                return nil
            }
            (count, size, key) = (header.payloadCount, header.size, header.mask ?? 0)
        }
        guard available &- size >= count else { return nil }
        let payload = unsafe UnsafeMutableRawBufferPointer(start: start + size, count: count)
        if key != 0 { unsafe Mask.apply(key, to: payload) }
        if first == 0x81, unsafe !UTF8Validator.isValid(UnsafeRawBufferPointer(payload)) {
            // The input is as it was: masking twice is not masking.
            if key != 0 { unsafe Mask.apply(key, to: payload) }
            return nil
        }
        unsafe input.remaining = UnsafeMutableRawBufferPointer(
            start: start + size + count, count: available &- size &- count)
        countReceived(count)
        return unsafe MessageInPlace(bytes: UnsafeRawBufferPointer(payload), isText: first == 0x81)
    }

    /// What comes next where `takeMessageInPlace` found nothing.
    package enum Shown {
        /// A message that did not lie whole in the input.
        case message(AssembledMessage)
        /// No message.
        case event(ProtocolEvent)
    }

    /// The next event in `input`, as `nextEvent` gives it, but that of text no string is made: it is only to be shown.
    package mutating func nextToShow(_ input: inout InputWindow) -> Shown? {
        (showsMessages, isShownText) = (true, false)
        let event = nextEvent(&input)
        showsMessages = false
        switch event {
        case .binary(let bytes)?: return .message(AssembledMessage(bytes: bytes, isText: isShownText))
        case .text(let text)?: return .message(AssembledMessage(bytes: Array(text.utf8), isText: true))
        case let event?: return .event(event)
        case nil: return nil
        }
    }
}
