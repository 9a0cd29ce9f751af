import HTTPTypes
import HansomHTTP
import WSProtocol

/// Does what a hostile peer makes us do, so often: `hostile-cost fragments|protocols|extensions|head|utf8 COUNT`.
///
/// A test counts its instructions, for a COUNT and for twice that.
@main
enum HostileCost {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let count = Int(arguments[2]) else { fatalError("hostile-cost KIND COUNT") }
        switch arguments[1] {
        case "fragments": receiveFragments(count)
        case "protocols": judge("Sec-WebSocket-Protocol", String(repeating: ",", count: count))
        case "extensions": judge("Sec-WebSocket-Extensions", String(repeating: "a;b=\"\\\"\",", count: count / 9))
        case "head": readHead(count)
        case "text": receiveText(count)
        default: fatalError("hostile-cost knows no \(arguments[1])")
        }
    }

    /// A message in so many fragments of one byte.
    private static func receiveFragments(_ count: Int) {
        var machine = ProtocolMachine(role: .server, limits: MessageLimits(maxFragments: count + 2))
        precondition(machine.receive([0x02, 0x80, 1, 2, 3, 4]).isEmpty)
        let fragment: [UInt8] = [0x00, 0x81, 1, 2, 3, 4, 5]
        for _ in 0..<count { precondition(machine.receive(fragment).isEmpty) }
    }

    /// A text of so many bytes that comes byte by byte.
    private static func receiveText(_ count: Int) {
        var machine = ProtocolMachine(role: .server)
        let length = count + 200
        let header: [UInt8] = [0x81, 0xFE, UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
        precondition(length < 65536 && machine.receive(header + [0, 0, 0, 0]).isEmpty)
        for _ in 0..<count { precondition(machine.receive([0x61]).isEmpty) }
    }

    /// A request with a field of so many bytes.
    private static func judge(_ field: String, _ value: String) {
        var fields: HTTPFields = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketVersion: "13",
            .secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQ==",
        ]
        for (name, value) in [("Host", "localhost"), (field, value)] {
            guard let name = HTTPField.Name(name) else { fatalError("no name of a field: \(name)") }
            fields[name] = value
        }
        _ = ServerHandshake.evaluate(RequestHead(target: "/", fields: fields))
    }

    /// A head of so many bytes that comes byte by byte and does not end.
    private static func readHead(_ count: Int) {
        var parser = RequestHeadParser(limits: HeadLimits(maxLineBytes: .max, maxLines: .max, maxHeadBytes: .max))
        var line = Array("x: ".utf8) + [UInt8](repeating: 0x61, count: 95)
        line += [0x0D, 0x0A]
        do {
            for byte in "GET / HTTP/1.1\r\n".utf8 { _ = try parser.parse([byte]) }
            for index in 0..<count { _ = try parser.parse([line[index % line.count]]) }
        } catch {
            fatalError("\(error)")
        }
    }
}
