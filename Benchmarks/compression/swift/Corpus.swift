/// Messages such as programs send, made alike each time: there is no chance in it.
struct Corpus {
    private var state: UInt64 = 2026

    /// A number below `bound`.
    private mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    private mutating func pick<T>(_ choices: [T]) -> T { choices[next(choices.count)] }

    /// Events as JSON, of some 300 to 2,000 bytes: the same fields each time, with values that change.
    static func json(_ count: Int) -> [String] {
        var corpus = Corpus()
        return (0..<count).map { number in
            let entries = (0...(2 + corpus.next(15))).map { _ in corpus.entry() }
            return #"{"type":"update","sequence":\#(number),"channel":"\#(corpus.pick(["book", "trades", "ticker"]))","#
                + #""entries":[\#(entries.joined(separator: ","))]}"#
        }
    }

    private mutating func entry() -> String {
        #"{"id":\#(next(1_000_000_000)),"side":"\#(pick(["buy", "sell"]))","price":\#(next(90_000) + 10_000).\#(next(100)),"#
            + #""quantity":\#(next(1_000)),"user":"user-\#(next(5_000))","isMaker":\#(pick([true, false]))}"#
    }

    /// Chat-like prose, of some 300 to 2,000 bytes, from words of which few are frequent.
    static func text(_ count: Int) -> [String] {
        var corpus = Corpus()
        let words = (0..<3_000).map { _ in corpus.word() }
        return (0..<count).map { _ in
            (0...(50 + corpus.next(250))).map { _ in words[corpus.next(corpus.next(words.count) + 1)] }.joined(
                separator: " ")
        }
    }

    private mutating func word() -> String {
        (0...next(4)).map { _ in pick(["a", "be", "con", "der", "ing", "lo", "mi", "ra", "s", "ter", "un", "we"]) }
            .joined()
    }
}
