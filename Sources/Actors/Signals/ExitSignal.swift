/// An exit signal that was trapped: a linked process has ended, or somebody asks this one to. (OTP: `{'EXIT', From, Reason}`.)
public struct ExitSignal: Sendable {
    /// Who ended, or asked; `nil` for code outside any process.
    public let from: PID?
    /// Why.
    public let reason: ExitReason
    /// How long the process may then take, if it ends; `nil`: as long as it takes.
    let grace: Duration?
}
