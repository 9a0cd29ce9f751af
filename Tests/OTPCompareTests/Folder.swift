import Foundation
import OTPScenarios

/// The scenarios of the repository.
enum Folder {
    static let all: ScenarioFolder = {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        do {
            return try ScenarioFolder(tests.appending(path: "OTPScenarios").path())
        } catch {
            preconditionFailure("the scenarios cannot be read: \(error)")
        }
    }()
}
