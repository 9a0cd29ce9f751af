/// Colours for a terminal, or none.
struct Palette: Sendable {
    /// What a colour stands for.
    enum Role: Sendable {
        case sent, received, note, failure

        /// Parameters of ECMA-48's SGR.
        var code: String {
            switch self {
            case .sent: "32"
            case .received: "36"
            case .note: "2"
            case .failure: "31"
            }
        }
    }

    let isOn: Bool

    /// - Parameter text: harmless already; see `Printable`.
    func paint(_ text: String, _ role: Role) -> String { isOn ? "\u{1B}[\(role.code)m\(text)\u{1B}[0m" : text }
}
