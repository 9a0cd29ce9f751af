/// Bytes in one line for a person: how many, and the first of them in hexadecimal.
struct HexDump: CustomStringConvertible {
    let description: String

    private static let most = 256

    init(_ bytes: [UInt8]) {
        let digits = bytes.prefix(HexDump.most).map { ($0 < 16 ? " 0" : " ") + String($0, radix: 16) }
        let more = bytes.count > HexDump.most ? " ..." : ""
        description = "binary, \(bytes.count) bytes:\(digits.joined())\(more)"
    }
}
