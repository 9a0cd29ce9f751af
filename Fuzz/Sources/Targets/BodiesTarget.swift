import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// Requests with bodies, several on one connection: in one piece, in pieces and byte by byte the same; no body longer
/// than its limit; what was read in chunks is the same when it is written with a length.
func fuzzBodies(_ input: [UInt8]) {
    var choices = Choices(input)
    let limits = HeadTrials.limits(&choices)
    let maxBodyBytes = choices.element(of: [0, 10, 1000, 100_000])
    let cuts = choices.bytes(choices.number(upTo: 4))
    let bytes = choices.remaining()

    func read(_ pieces: [[UInt8]]) -> Requests { Requests(pieces, limits, maxBodyBytes: maxBodyBytes) }
    let whole = read([bytes])
    requireEqual(read(bytes.pieces(cutBy: cuts)), whole, "in pieces")
    requireEqual(read(bytes.map { [$0] }), whole, "byte by byte")
    whole.check(maxBodyBytes: maxBodyBytes)
}

/// What a server reads of one connection.
private struct Requests: Equatable {
    struct Request: Equatable {
        var incoming: IncomingRequest
        var body: [UInt8]?
    }

    private(set) var requests: [Request] = []
    private(set) var errorStatus: Int?
    private var rest: [UInt8] = []

    init(_ pieces: [[UInt8]], _ limits: HeadLimits, maxBodyBytes: Int) {
        var reader = RequestReader(limits: limits, maxBodyBytes: maxBodyBytes)
        do throws(HeadError) {
            for piece in pieces {
                reader.receive(piece)
                while try readOn(&reader) {}
            }
        } catch {
            errorStatus = error.status
            return
        }
        rest = reader.takeRest()
        require(rest.isEmpty, "\(rest.count) bytes left that could be read")
    }

    /// - Returns: whether more may have come already.
    private mutating func readOn(_ reader: inout RequestReader) throws(HeadError) -> Bool {
        if let last = requests.last, last.body == nil {
            guard let body = try reader.nextBody() else { return false }
            requests[requests.count - 1].body = body
        }
        guard let incoming = try reader.nextHead() else { return false }
        requests.append(Request(incoming: incoming))
        return true
    }

    func check(maxBodyBytes: Int) {
        if let errorStatus {
            require([400, 413, 414, 417, 431, 501, 505].contains(errorStatus), "status \(errorStatus)")
        }
        for request in requests {
            guard let body = request.body else { continue }
            require(body.count <= maxBodyBytes, "a body of \(body.count) bytes")
            require(request.incoming.hasBody || body.isEmpty, "a body that was not announced")
            requireSame(request.incoming.head, body)
        }
    }

    private func requireSame(_ head: RequestHead, _ body: [UInt8]) {
        var head = head
        head.fields[.transferEncoding] = nil
        head.fields[.contentLength] = String(body.count)
        var reader = RequestReader(limits: .generous, maxBodyBytes: body.count)
        reader.receive(head.bytes + body)
        do throws(HeadError) {
            requireEqual(try reader.nextHead()?.head, head, "head, written and read again")
            requireEqual(try reader.nextBody(), body, "body, written and read again")
        } catch {
            fatalError("\(error) for an accepted request")
        }
        require(!reader.hasBegun, "something behind the body")
    }
}
