package import Actors
internal import CHansomSystem

/// What all connections of one scheduler share, because only one of them runs at a time: the buffers that sockets are
/// read into, storage for what waits to be written, and mask keys.
///
/// So an idle connection holds no buffer.
@safe package final class TransportResources {
    /// Bytes that one connection may read at a time, and a turn.
    package static let readSize = 64 << 10
    /// Bytes of one piece of write storage.
    package static let storageSize = 32 << 10
    private static let storagesKept = 64

    // Safety: allocated here, freed in `deinit`; used by the scheduler's thread only, and never across a suspension.
    package let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readSize, alignment: 64)
    /// What connections read their frames into. Handlers are called while it holds messages, and whatever they do, nothing
    /// else is read into it meanwhile: only the loop has connections read.
    package let messageBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readSize, alignment: 64)
    // Safety (unchecked exclusivity): each access is over before any other code runs.
    @exclusivity(unchecked) private var storages = unsafe [UnsafeMutableRawBufferPointer]()
    @safe @exclusivity(unchecked) private var keys = [UInt32](repeating: 0, count: 1024)
    @safe @exclusivity(unchecked) private var keysLeft = 0

    /// The resources of `scheduler`. Call it on its thread.
    package static func of(_ scheduler: Scheduler) -> TransportResources {
        if let resources = scheduler.resources as? TransportResources { return resources }
        let resources = TransportResources()
        scheduler.resources = resources
        return resources
    }

    deinit {
        unsafe readBuffer.deallocate()
        unsafe messageBuffer.deallocate()
        while let storage = unsafe storages.popLast() { unsafe storage.deallocate() }
    }

    /// Lends storage to write into; give it back with `take(back:)`.
    package func lendStorage() -> UnsafeMutableRawBufferPointer {
        unsafe storages.popLast()
            ?? UnsafeMutableRawBufferPointer.allocate(byteCount: TransportResources.storageSize, alignment: 64)
    }

    /// How many pieces of storage are kept for later.
    package var storageCount: Int { unsafe storages.count }

    /// Takes storage back that is no longer used. What has grown beyond the common size is freed.
    package func take(back storage: UnsafeMutableRawBufferPointer) {
        if storage.count == TransportResources.storageSize, unsafe storages.count < TransportResources.storagesKept {
            unsafe storages.append(storage)
        } else {
            unsafe storage.deallocate()
        }
    }

    /// The source of mask keys for a connection of this scheduler.
    package var maskKeys: @Sendable () -> UInt32 {
        // Safety: the scheduler keeps its resources as long as it lives, and a connection calls this on its thread.
        nonisolated(unsafe) let resources = unsafe Unmanaged.passUnretained(self)
        return { unsafe resources._withUnsafeGuaranteedRef { $0.nextMaskKey() } }
    }

    /// A mask key drawn for this one frame, from the kernel's generator (RFC 6455 section 5.3 and 10.3). Two of 32 bits
    /// may be equal by chance; none can be foretold.
    private func nextMaskKey() -> UInt32 {
        if keysLeft == 0 {
            unsafe keys.withUnsafeMutableBytes { unsafe Random.fill($0) }
            keysLeft = keys.count
        }
        keysLeft -= 1
        return keys[keysLeft]
    }
}

/// Unpredictable bytes from the kernel.
package enum Random {
    package static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        var filled = 0
        while filled < buffer.count {
            let count = unsafe getrandom(buffer.baseAddress.map { unsafe $0 + filled }, buffer.count - filled, 0)
            // Only a signal can interrupt it; the pool is ready since boot.
            if count > 0 { filled += count }
        }
    }

    package static func bytes(_ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}
