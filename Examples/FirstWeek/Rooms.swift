// Rooms by name: the first who joins one starts it, and when the last has left, or ended, it is gone.

import Actors

struct Room: Server {
    enum Call: Sendable { case join(Process<Guest>, Reply<Int>), say(String, Reply<Void>) }
    enum Info: Sendable { case ended(Down) }

    var guests: [PID: Process<Guest>] = [:]

    /// Takes a process in, and returns how many are in the room now.
    static func join(_ name: String, _ guest: Process<Guest>) async throws -> Int {
        do {
            _ = try await RunningDynamicSupervisor(named: "rooms").start { try await Room().started(name: name) }
        } catch let error as SupervisorError where error.alreadyStarted != nil {}
        return try await ServerAddress<Room>(named: name).call { .join(guest, $0) }
    }

    static func say(_ name: String, _ text: String) async throws {
        try await ServerAddress<Room>(named: name).call { .say(text, $0) }
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .join(let guest, let reply):
            me.monitor(guest) { .info(.ended($0)) }
            guests[guest.pid] = guest
            reply(guests.count)
        case .say(let text, let reply):
            for guest in guests.values { guest.send(.said(text)) }
            reply()
        }
        return .receive
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        if case .ended(let down) = info { guests[down.pid] = nil }
        return guests.isEmpty ? .stop(.normal) : .receive
    }
}

enum Guest: Sendable {
    case said(String)
    case go(Reply<[String]>)

    /// Listens until it is told to go, and tells what it has heard.
    static func listen(_ me: isolated Process<Guest>) async {
        var heard: [String] = []
        for await message in me.mailbox {
            switch message {
            case .said(let text): heard.append(text)
            case .go(let reply): return reply(heard)
            }
        }
    }
}

func rooms() async throws {
    _ = try await Supervisor(.oneForAll) {
        DynamicSupervisor(id: "rooms", name: "rooms")
    }.start()
    let (ann, bob, cid) = (Process.spawn(Guest.listen), Process.spawn(Guest.listen), Process.spawn(Guest.listen))

    print("ann joins the hall: \(try await Room.join("hall", ann)) there")
    print("bob joins the hall: \(try await Room.join("hall", bob)) there")
    print("cid joins the attic: \(try await Room.join("attic", cid)) there")
    print("rooms:", try await RunningDynamicSupervisor(named: "rooms").count())

    try await Room.say("hall", "welcome")
    print("ann heard:", try await ann.call { .go($0) }.joined(separator: ", "))
    try await Room.say("hall", "ann has left")
    let hall = ServerAddress<Room>(named: "hall").pid
    print("bob heard:", try await bob.call { .go($0) }.joined(separator: ", "))
    print("the hall is gone:", try await hall.down())

    print("ann joins the hall again: \(try await Room.join("hall", Process.spawn(Guest.listen))) there")
}
