internal import Synchronization

/// Something that is not `Sendable`, on its way to another process as part of a message.
///
///     enum Message: Sendable { case page(Parcel<Page>) }
///
///     printer.send(.page(Parcel(page)))            // the compiler sees that nobody uses `page` here any more
///
///     case .page(let parcel):
///         if let page = parcel.open() { … }
///
/// Messages are `Sendable`: a mailbox is shared, a group sends one message to many, a timer sends one again and again.
/// A parcel hands over what may have one owner only, without a copy: it can be opened once.
public final class Parcel<Contents>: @unchecked Sendable {
    // Safety: the one who turns `isOpen` takes the contents; they came in by `sending`, so nobody else has them.
    private var contents: Contents?
    private let isOpen = Atomic<Bool>(false)

    /// Packs what the caller gives away.
    public init(_ contents: sending Contents) { self.contents = consume contents }

    /// Takes the contents out: the first time, `nil` after that. From any thread.
    public func open() -> sending Contents? {
        guard !isOpen.exchange(true, ordering: .acquiringAndReleasing) else { return nil }
        nonisolated(unsafe) let contents = contents.take()
        return unsafe contents
    }
}
