import Actors
import HansomLifecycle
import Logging
import ServiceLifecycle
import UnixSignals

func runAsService(_ mailer: any Service, _ logger: Logger) async throws {
    // guide: lifecycle
    let tree = Supervisor(.oneForOne, id: "application") {
        Child("bank") { try await Bank().started() }
        Child("mailer", service: mailer)
    }
    let group = ServiceGroup(
        services: [SupervisorService(tree)], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
    // end
}
