/// One member of `Sec-WebSocket-Extensions`: an extension that is offered, or that was agreed on (RFC 6455 section 9.1).
public struct ExtensionOffer: Hashable, Sendable {
    /// A parameter, with or without a value. Quotes around the value are taken off.
    public struct Parameter: Hashable, Sendable {
        public var name: String
        public var value: String?

        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public var name: String
    /// The parameters in their order; one may come twice.
    public var parameters: [Parameter]

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
