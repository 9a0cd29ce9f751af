import Actors
import Glibc
import HansomTesting
import Testing

/// Ten thousand processes under a tree of supervisors, and a seeded generator that ends, kills, links, monitors, names
/// and groups them at random. After each step all comes to rest, by calls, and what must hold is looked at.
///
/// `HANSOM_CHAOS_STEPS` and `HANSOM_CHAOS_SEED` change how many steps there are and which; `HANSOM_CHAOS_PROCESSES` how
/// many processes.
@Suite(.timeLimit(.minutes(5))) struct ChaosTests {
    @Test func `whatever happens to 10,000 processes, nothing is lost, told twice or left (P5, P7, P9, P10, P16)`()
        async throws
    {
        let steps = setting("HANSOM_CHAOS_STEPS") ?? 8
        let seed = setting("HANSOM_CHAOS_SEED") ?? 1
        try await withQuietGroup(count: 3) { group in
            var chaos = try await Chaos(group, count: setting("HANSOM_CHAOS_PROCESSES") ?? 10_000, seed: UInt64(seed))
            for step in 0..<steps {
                try await chaos.step()
                let faults = try await chaos.faults()
                #expect(faults == [], "seed \(seed), step \(step)")
                if !faults.isEmpty { break }
            }
            #expect(chaos.ends > steps * 10, "too little has happened")
            await chaos.stop()
            #expect(await chaos.leftovers() == [])
        }
    }

    @Test func `bodies that never suspend hold up nothing that is told of them or their neighbours (P23, P32)`()
        async throws
    {
        let steps = setting("HANSOM_CHAOS_STEPS") ?? 12
        let seed = setting("HANSOM_CHAOS_SEED") ?? 1
        try await withQuietGroup(count: 3) { group in
            var chaos = try await Chaos(group, count: 600, seed: UInt64(seed))
            for step in 0..<steps {
                let faults = try await chaos.holdSchedulers() + chaos.faults()
                #expect(faults == [], "seed \(seed), step \(step)")
                if !faults.isEmpty { break }
            }
            await chaos.stop()
            #expect(await chaos.leftovers() == [])
        }
    }

    private func setting(_ name: String) -> Int? { unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) } }
}
