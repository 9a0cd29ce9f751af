import CHeap
import Glibc
import WSProtocol

/// What compression costs and saves, for choices of window, memory level and context takeover. Prints a Markdown table.
@main
struct Compression {
    /// Window, memory level, takeover.
    private static let choices: [(Int, Int, Bool)] = [
        (9, 1, true), (10, 3, true), (11, 4, true), (12, 4, true), (12, 5, true), (12, 8, true), (13, 6, true),
        (15, 8, true),
        (9, 1, false), (12, 5, false), (15, 8, false),
    ]
    private static let connections = 200

    static func main() {
        let (json, text) = (Corpus.json(2_000), Corpus.text(2_000))
        print(
            "| window | memory level | takeover | JSON: size | MB/s | text: size | MB/s "
                + "| held to compress | to inflate |\n|---|---|---|---|---|---|---|---|---|")
        do {
            for (windowBits, memoryLevel, keepsContext) in choices {
                let setting = Setting(windowBits: windowBits, memoryLevel: memoryLevel, keepsContext: keepsContext)
                let (j, t) = (try measure(setting, json), try measure(setting, text))
                let held = try heldMemory(setting, json[0])
                print(
                    "| \(windowBits) | \(memoryLevel) | \(keepsContext ? "yes" : "no") | \(j.percent) % | \(j.speed) | \(t.percent) % "
                        + "| \(t.speed) | \(held.compressing) | \(held.inflating) |")
            }
        } catch {
            print("compression: \(error)")
            exit(1)
        }
    }

    /// How small messages become, in percent, and how many megabytes a CPU second are compressed.
    private static func measure(_ setting: Setting, _ corpus: [String]) throws -> (percent: Int, speed: Int) {
        let pair = try setting.makePair()
        let plain = corpus.reduce(0) { $0 + $1.utf8.count }
        var sent = 0
        let start = cpuSeconds()
        for message in corpus {
            try pair.server.send(text: message)
            sent += pair.server.output.drain().count
        }
        let seconds = cpuSeconds() - start
        return (sent * 100 / plain, Int(Double(plain) / seconds / 1e6))
    }

    /// The bytes that a connection holds once it has sent a message, and once it has received one.
    private static func heldMemory(_ setting: Setting, _ message: String) throws -> (compressing: Int, inflating: Int) {
        let pairs = try (0..<connections).map { _ in try setting.makePair() }
        let peer = try setting.makePair()
        try peer.client.send(text: message)
        let arriving = peer.client.output.drain()
        // What a message takes that is not compressed is there before.
        for pair in pairs {
            try pair.server.send(text: message, compress: false)
            _ = pair.server.output.drain()
        }
        let before = heap_in_use()
        for pair in pairs {
            try pair.server.send(text: message)
            _ = pair.server.output.drain()
        }
        let sent = heap_in_use()
        for pair in pairs { _ = pair.server.receive(arriving) }
        let received = withExtendedLifetime(pairs) { heap_in_use() }
        return (Int(sent - before) / connections, Int(received - sent) / connections)
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
