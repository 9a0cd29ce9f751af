@testable import WSServer

/// The header that a proxy puts in front of a connection: in one piece, in pieces and byte by byte the same, and never
/// more taken than it is long.
func fuzzProxyHeader(_ input: [UInt8]) {
    var choices = Choices(input)
    let cuts = choices.bytes(choices.number(upTo: 4))
    let bytes = choices.remaining()
    let whole = ProxyHeaderTrial([bytes])
    requireEqual(ProxyHeaderTrial(bytes.pieces(cutBy: cuts)), whole, "in pieces")
    requireEqual(ProxyHeaderTrial(bytes.map { [$0] }), whole, "byte by byte")
    guard whole.header != nil else { return }
    // Nothing short of it is a header, and what follows changes nothing.
    let own = Array(bytes.prefix(whole.consumed))
    requireEqual(ProxyHeaderTrial([own]), whole, "without what follows")
    requireEqual(ProxyHeaderTrial([Array(own.dropLast())]).header, nil, "without its last byte")
}

private struct ProxyHeaderTrial: Equatable {
    private(set) var header: ProxyHeader?
    private(set) var consumed = 0
    private(set) var isRefused = false

    init(_ pieces: [[UInt8]]) {
        var parser = ProxyHeaderParser()
        for piece in pieces {
            do throws(ProxyHeader.Malformed) {
                let (count, found) = try parser.parse(piece)
                consumed += count
                header = found
                require(found != nil || count == piece.count, "bytes left without a header")
                if found != nil { return }
            } catch {
                (isRefused, consumed) = (true, 0)
                require(!error.description.utf8.contains { $0 < 0x20 }, "control character in the reason")
                return
            }
        }
        require(consumed <= 65535 + 16, "\(consumed) bytes taken")
    }
}
