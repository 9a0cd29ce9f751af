/// A whole message where it lies, for the time of one call (RFC 6455 section 5.6).
///
/// Nothing is copied to show it. It cannot outlive the call that it was given to: the compiler refuses whatever would
/// keep it, as it does for the spans that it holds (SE-0446, SE-0447, SE-0464). What is to be kept is copied:
///
///     switch message {
///     case .text(let utf8): names.append(String(copying: utf8))
///     case .binary(let bytes): total += bytes.byteCount
///     }
public enum MessageView: ~Escapable {
    /// Text; valid UTF-8.
    case text(UTF8Span)
    /// Bytes of any sort.
    case binary(RawSpan)

    /// The bytes of its payload.
    public var byteCount: Int {
        switch self {
        case .text(let utf8): utf8.count
        case .binary(let bytes): bytes.byteCount
        }
    }

    /// Whether it is text.
    public var isText: Bool {
        switch self {
        case .text: true
        case .binary: false
        }
    }

    /// Shows the bytes of its payload, of text its UTF-8.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws.
    @inlinable
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch self {
        // Safety: bytes have no padding.
        case .text(let utf8): try body(unsafe utf8.span.bytes)
        case .binary(let bytes): try body(bytes)
        }
    }
}

extension MessagePayload {
    /// A copy of a message that is only shown.
    public init(copying message: MessageView) {
        switch message {
        case .text(let utf8): self = .text(String(copying: utf8))
        case .binary(let bytes): self = .binary(unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) })
        }
    }
}

extension EncodedMessage {
    /// Encodes a message that is only shown, to be sent to many.
    ///
    /// - Parameter compression: as for a text.
    public init(copying message: MessageView, compression: CompressionOptions? = nil) {
        switch MessagePayload(copying: message) {
        case .text(let text): self.init(text: text, compression: compression)
        case .binary(let bytes): self.init(binary: bytes, compression: compression)
        }
    }
}

/// A message that lies whole in the input, unmasked, and checked if it is text.
@safe
package struct MessageInPlace {
    /// Its payload. Valid until the memory of the input is used again.
    package let bytes: UnsafeRawBufferPointer
    package let isText: Bool

    /// Shows it.
    @inlinable
    @inline(__always)
    package func show<Failure: Error>(_ body: (MessageView) throws(Failure) -> Void) throws(Failure) {
        // Safety: the memory lives, and nobody writes to it, while `body` runs.
        let bytes = unsafe bytes
        guard isText else { return try body(.binary(unsafe bytes.bytes)) }
        let units = unsafe bytes.assumingMemoryBound(to: UInt8.self)
        try body(.text(unsafe UTF8Span(unchecked: unsafe units.span)))
    }
}

extension MessagePayload {
    /// Shows it.
    package func show<Failure: Error>(_ body: (MessageView) throws(Failure) -> Void) throws(Failure) {
        switch self {
        case .text(let text): try body(.text(text.utf8Span))
        case .binary(let bytes): try body(.binary(unsafe bytes.span.bytes))
        }
    }
}
