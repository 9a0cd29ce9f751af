internal import HansomHTTP

/// One member of `Sec-WebSocket-Extensions`: an extension that is offered, or that was agreed on (RFC 6455 section
/// 9.1).
public struct ExtensionOffer: Hashable, Sendable {
    /// A parameter, with or without a value. Quotes around the value are taken off.
    public struct Parameter: Hashable, Sendable {
        /// What the extension calls the parameter: a token, such as `client_max_window_bits`.
        public var name: String
        /// What stands behind the parameter's `=`; `nil` when there is none.
        public var value: String?

        /// A parameter by its parts. Both are written as they are, without quotes, and so must be tokens.
        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    /// The registered name of the extension: `permessage-deflate`.
    public var name: String
    /// The parameters in their order; one may come twice.
    public var parameters: [Parameter]

    /// An offer by its parts, in the order in which they are to be written; default: without a parameter.
    public init(name: String, parameters: [Parameter] = []) {
        self.name = name
        self.parameters = parameters
    }
}

extension ExtensionOffer: CustomStringConvertible {
    /// As it stands in the header field.
    public var description: String {
        parameters.reduce(name) { text, parameter in
            text + "; " + parameter.name + (parameter.value.map { "=" + $0 } ?? "")
        }
    }
}

extension FieldListParser {
    /// Reads `name; parameter; parameter=value, name`, where a value may be quoted.
    ///
    /// - Returns: the extensions, or `nil` when something else stands there.
    mutating func extensions() -> [ExtensionOffer]? {
        var offers: [ExtensionOffer] = []
        let isList = passList { parser in
            guard let offer = parser.extensionOffer() else { return false }
            offers.append(offer)
            return true
        }
        return isList ? offers : nil
    }

    private mutating func extensionOffer() -> ExtensionOffer? {
        guard let name = token(known: CompressionParameters.names) else { return nil }
        var offer = ExtensionOffer(name: name)
        skipBlanks()
        while skip(";") {
            skipBlanks()
            guard let name = token(known: CompressionParameters.names) else { return nil }
            var parameter = ExtensionOffer.Parameter(name: name)
            skipBlanks()
            if skip("=") {
                skipBlanks()
                guard let value = current == UInt8(ascii: "\"") ? quotedToken() : token() else { return nil }
                parameter.value = value
                skipBlanks()
            }
            offer.parameters.append(parameter)
        }
        return offer
    }

    /// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
    /// 'token' ABNF" (RFC 6455 section 9.1).
    private mutating func quotedToken() -> String? {
        advance()
        var text: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { advance() }
            guard let byte = current, byte.isToken else { return nil }
            text.append(byte)
            advance()
        }
        return skip("\"") && !text.isEmpty ? String(decoding: text, as: UTF8.self) : nil
    }
}
