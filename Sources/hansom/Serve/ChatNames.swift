internal import Actors

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
