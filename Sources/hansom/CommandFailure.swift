/// Why a command could not do what it was asked to, for a person.
struct CommandFailure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
