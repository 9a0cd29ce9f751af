@testable import HansomHTTP
@testable import WSProtocol

/// A parser of heads, of requests or responses.
protocol HeadParser {
    associatedtype Head: Equatable
    mutating func parse(_ bytes: [UInt8]) throws(HeadError) -> (consumed: Int, head: Head?)
}

extension RequestHeadParser: HeadParser {}
extension ResponseHeadParser: HeadParser {}

extension HeadLimits {
    static var generous: HeadLimits { HeadLimits(maxLineBytes: 1 << 20, maxLines: 1 << 16, maxHeadBytes: 1 << 24) }
}

enum HeadTrials {
    /// What a head came to.
    struct Outcome<Head: Equatable> {
        var head: Head?
        var error: HeadError?
        /// Bytes taken of the input.
        var consumed = 0

        func requireSame(_ other: Outcome<Head>, limits: HeadLimits) {
            requireEqual(other.head, head, "head in pieces")
            requireEqual(other.error?.status, error?.status, "error in pieces")
            if error == nil { requireEqual(other.consumed, consumed, "bytes taken in pieces") }
            if let error {
                require([400, 414, 431, 505].contains(error.status), "status \(error.status)")
                require(
                    !error.message.utf8.contains { $0 < 0x20 }, "control character in \(error.message.debugDescription)"
                )
            }
            require(consumed <= limits.maxHeadBytes, "\(consumed) bytes taken")
        }
    }

    static func limits(_ choices: inout Choices) -> HeadLimits {
        choices.byte() & 3 == 0 ? HeadLimits(maxLineBytes: 60, maxLines: 8, maxHeadBytes: 300) : HeadLimits()
    }

    /// Feeds the pieces until there is a head or an error.
    static func read<Parser: HeadParser>(_ pieces: [[UInt8]], with make: () -> Parser) -> Outcome<Parser.Head> {
        var parser = make()
        var outcome = Outcome<Parser.Head>()
        for piece in pieces {
            do throws(HeadError) {
                let (consumed, head) = try parser.parse(piece)
                outcome.consumed += consumed
                outcome.head = head
                require(head != nil || consumed == piece.count, "bytes left without a head")
                if head != nil { return outcome }
            } catch {
                outcome.error = error
                return outcome
            }
        }
        return outcome
    }
}
