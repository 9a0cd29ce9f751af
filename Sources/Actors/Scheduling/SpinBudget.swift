/// How long a scheduler looks for work before it sleeps.
///
/// Two schedulers that pass single messages back and forth would pay two system calls a hop if each slept at once.
/// So a scheduler whose last sleep was ended by another thread spins briefly first; one whose work comes from
/// sockets does not spin at all, and a spin that found nothing halves the next.
struct SpinBudget {
    static let most = 2_000
    static let least = 50
    /// After so many it offers its core to whoever waits for it.
    static let roundsPerYield = 128
    private(set) var rounds = 0

    /// Another thread's post ended a wait, or a spin found one.
    mutating func wasWokenByPost() { rounds = SpinBudget.most }

    /// A spin found nothing.
    mutating func wasVain() { rounds = rounds / 2 < SpinBudget.least ? 0 : rounds / 2 }
}
