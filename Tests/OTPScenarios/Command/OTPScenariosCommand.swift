import Glibc
import OTPScenarios

/// Compares our runtime with the original:
///
///     otp-scenarios FOLDER [TRACES]
///
/// `FOLDER` has the scenarios and the list of exceptions, `TRACES` what the original makes of them.
@main
enum OTPScenariosCommand {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let path = arguments.first else { return usage() }
        let folder = try ScenarioFolder(path, traces: arguments.dropFirst().first)
        var (equal, exceptions, differing) = (0, 0, 0)
        for scenario in folder.scenarios {
            switch try await folder.comparison(of: scenario) {
            case .equal: equal += 1
            case .listedException: exceptions += 1
            case .differs(let lines):
                differing += 1
                print(([scenario.title] + lines.map { "    \($0)" }).joined(separator: "\n"))
            }
        }
        print("\(folder.scenarios.count) scenarios: \(equal) equal, \(exceptions) listed exceptions, \(differing) differ")
        exit(differing == 0 ? 0 : 1)
    }

    private static func usage() {
        print("usage: otp-scenarios FOLDER [TRACES]")
        exit(2)
    }
}
