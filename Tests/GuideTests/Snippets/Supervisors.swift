import Actors

func sendMails() async throws { try await Task.sleep(for: .seconds(3600)) }

func superviseTree() async throws -> [String] {
    // guide: tree
    let tree = Supervisor(.restForOne, id: "shop", maxRestarts: 3, period: .seconds(10)) {
        Child("bank") { try await Bank().started(name: "shop bank") }
        Supervisor(.oneForOne, id: "workers") {
            Child.running("mailer", restart: .transient) { try await sendMails() }
            Child("door", shutdown: .after(.seconds(1))) { try await Door().started(in: .closed) }
        }
    }
    let shop = try await tree.start()
    // end
    let ids = try await shop.children().map(\.id)
    // guide: manage
    try await shop.start(child: Child("audit", restart: .temporary) { try await Bank().started() })
    for child in try await shop.children() { print(child.id, child.state) }
    try await shop.terminate("workers")
    try await shop.restart("workers")
    await shop.stop()
    // end
    return ids
}

func superviseMany() async throws -> Int {
    // guide: dynamic
    let rooms = try await DynamicSupervisor(id: "rooms", maxChildren: 1_000).start()
    let room = try await rooms.start { try await Bank().started() }
    print(try await room.call { .deposit(1, $0) })
    try await rooms.terminate(room)
    // end
    let count = try await rooms.count()
    await rooms.stop()
    return count
}

func superviseByName() async throws -> Int {
    // guide: dynamic-by-name
    let house = try await Supervisor {
        DynamicSupervisor(id: "rooms", name: "rooms")
    }.start()
    let rooms = RunningDynamicSupervisor(named: "rooms")
    let room = try await rooms.start(placement: .by { "room 42" }) { try await Bank().started() }
    // end
    let balance = try await room.call { .deposit(42, $0) }
    await house.stop()
    return balance
}

func keepStarting() -> Supervisor {
    // guide: backoff
    let tree = Supervisor(
        .oneForOne, maxRestarts: 20, period: .seconds(600),
        backoff: RestartBackoff(first: .milliseconds(200), most: .seconds(30))
    ) {
        Child.running("feed") { try await sendMails() }
    }
    // end
    return tree
}
