/// Takes decisions from the front of the input, so that the fuzzer learns what each byte does. When the input is used
/// up, all are 0.
struct Choices {
    private(set) var rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) {
        rest = input[...]
    }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    /// A number from 0 to `most`, which is at most 65,535.
    mutating func number(upTo most: Int) -> Int {
        let value = most < 256 ? Int(byte()) : Int(byte()) << 8 | Int(byte())
        return value % (most + 1)
    }

    mutating func element<Element>(of all: [Element]) -> Element { all[number(upTo: all.count - 1)] }

    /// The next `count` bytes, or as many as there are.
    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// All that is left.
    mutating func remaining() -> [UInt8] { bytes(rest.count) }
}

extension [UInt8] {
    /// The bytes cut in pieces whose lengths `cuts` says, used again from the front when they are used up; with none,
    /// one piece.
    func pieces(cutBy cuts: [UInt8]) -> [[UInt8]] {
        guard !cuts.isEmpty else { return [self] }
        var pieces: [[UInt8]] = []
        var rest = self[...]
        while !rest.isEmpty {
            let size = Int(cuts[pieces.count % cuts.count] % 32) + 1
            pieces.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}
