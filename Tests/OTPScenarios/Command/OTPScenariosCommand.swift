import Glibc
import OTPScenarios

/// Compares our runtime with the original:
///
///     otp-scenarios FOLDER [TRACES [SCHEDULERS]]
///
/// `FOLDER` has the scenarios and the list of exceptions, `TRACES` what the original makes of them. Our processes are
/// spread on `SCHEDULERS` schedulers, one by default.
@main
enum OTPScenariosCommand {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let path = arguments.first, arguments.count <= 3 else { return usage() }
        let folder = try ScenarioFolder(path, traces: arguments.count > 1 ? arguments[1] : nil)
        let schedulers = arguments.count > 2 ? Int(arguments[2]) ?? 1 : 1
        var (equal, exceptions, differing) = (0, 0, 0)
        for scenario in folder.scenarios {
            switch try await folder.comparison(of: scenario, schedulers: schedulers) {
            case .equal: equal += 1
            case .listedException: exceptions += 1
            case .differs(let lines):
                differing += 1
                print(([scenario.title] + lines.map { "    \($0)" }).joined(separator: "\n"))
            }
        }
        print(
            "\(folder.scenarios.count) scenarios: \(equal) equal, \(exceptions) listed exceptions, \(differing) differ")
        exit(differing == 0 ? 0 : 1)
    }

    private static func usage() {
        print("usage: otp-scenarios FOLDER [TRACES [SCHEDULERS]]")
        exit(2)
    }
}
