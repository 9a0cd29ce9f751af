/// What a person does at a keyboard, as far as a line editor cares.
enum Key: Equatable, Sendable {
    case character(Unicode.Scalar)
    case enter
    case left, right, wordLeft, wordRight, home, end
    case up, down
    case backspace, delete
    case eraseToEnd, eraseToStart, eraseWord
    case clearScreen
    /// ^D: the end of the input on an empty line, otherwise as `delete`.
    case endOfInput
    /// A key that means nothing here.
    case unknown
}
