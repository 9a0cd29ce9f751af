internal import Actors
internal import WSServer

/// Where those who chat meet: a process, which handles one thing at a time, so that everyone reads the same order.
///
/// Who joins or says something waits until all others have been sent it: nobody can fill the room's mailbox.
struct ChatRoom: Sendable {
    private enum Input: Sendable {
        case join(WebSocket, wish: String, Reply<Void>)
        case say(String, by: WebSocket, Reply<Void>)
        case left(Down)
    }

    private struct Guests {
        var connections: [PID: WebSocket] = [:]
        var names = ChatNames()
    }

    private let process: Process<Input>

    init(on scheduler: Scheduler) {
        process = Process.spawn(on: scheduler) { me in
            var guests = Guests()
            for await input in me.mailbox { await ChatRoom.handle(input, &guests, as: me) }
        }
    }

    /// Lets a connection hear what is said; it leaves by ending.
    func join(_ connection: WebSocket) async throws {
        let wish = String(connection.request?.path.dropFirst() ?? "")
        try await process.call(timeout: nil) { .join(connection, wish: wish, $0) }
    }

    /// Tells everyone else.
    func say(_ text: String, by connection: WebSocket) async throws {
        try await process.call(timeout: nil) { .say(text, by: connection, $0) }
    }

    private static func handle(_ input: Input, _ guests: inout Guests, as me: isolated Process<Input>) async {
        switch input {
        case .join(let connection, let wish, let done):
            let name = guests.names.add(connection.pid, wish: wish)
            me.monitor(connection.pid) { .left($0) }
            _ = await connection.trySend(.text("* you are \(name)"))
            await tell("* \(name) joined", &guests)
            guests.connections[connection.pid] = connection
            done()
        case .say(let text, let connection, let done):
            if let name = guests.names[connection.pid] {
                await tell("\(name): \(text)", &guests, except: connection.pid)
            }
            done()
        case .left(let down):
            guests.connections[down.pid] = nil
            if let name = guests.names.remove(down.pid) { await tell("* \(name) left", &guests) }
        }
    }

    private static func tell(_ line: String, _ guests: inout Guests, except speaker: PID? = nil) async {
        for (pid, connection) in guests.connections where pid != speaker {
            guard await connection.trySend(.text(line)) == .full else { continue }
            await SlowReader.drop(connection)
            guests.connections[pid] = nil
        }
    }
}

/// Who is called what in a chat: one name, one connection.
struct ChatNames {
    private var names: [PID: String] = [:]
    private var taken: Set<String> = []
    private var guests = 0

    /// The longest name that one may wish for.
    static let longest = 32

    subscript(pid: PID) -> String? { names[pid] }

    /// Gives a newcomer the name wished for, if it is one and free; else the next guest's.
    mutating func add(_ pid: PID, wish: String) -> String {
        let name = ChatNames.isName(wish) && !taken.contains(wish) ? wish : nextGuest()
        names[pid] = name
        taken.insert(name)
        return name
    }

    /// Frees the name of one who left, and returns it.
    mutating func remove(_ pid: PID) -> String? {
        guard let name = names.removeValue(forKey: pid) else { return nil }
        taken.remove(name)
        return name
    }

    private mutating func nextGuest() -> String {
        repeat { guests += 1 } while taken.contains("guest-\(guests)")
        return "guest-\(guests)"
    }

    private static func isName(_ text: String) -> Bool {
        (1...longest).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
