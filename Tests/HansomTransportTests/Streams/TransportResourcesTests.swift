import Actors
import HansomTesting
import HansomTransport
import Testing

@Suite(.timeLimit(.minutes(2))) struct TransportResourcesTests {
    let driven = HandDriven()

    @Test func `each scheduler has its own, the same every time`() {
        driven.run {
            let resources = TransportResources.of(driven.scheduler)
            #expect(TransportResources.of(driven.scheduler) === resources)
            let size = unsafe resources.readBuffer.count
            #expect(size == TransportResources.readSize)
        }
        let other = HandDriven()
        other.run { #expect(TransportResources.of(other.scheduler) !== TransportResources.of(driven.scheduler)) }
    }

    @Test func `storage is lent again, up to a bound, and never when its size is another`() {
        driven.run {
            let resources = TransportResources.of(driven.scheduler)
            let lent = unsafe (0..<200).map { _ in unsafe resources.lendStorage() }
            let isCommonSize = unsafe lent.allSatisfy { $0.count == TransportResources.storageSize }
            #expect(isCommonSize)
            let places = unsafe Set(lent.map { UInt(bitPattern: $0.baseAddress) })
            #expect(places.count == 200)
            for index in unsafe lent.indices { unsafe resources.take(back: lent[index]) }
            let bigger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: TransportResources.storageSize * 2, alignment: 64)
            unsafe resources.take(back: bigger)
            #expect(resources.storageCount == 64, "what came after was freed")
            let again = unsafe resources.lendStorage()
            let place = UInt(bitPattern: again.baseAddress)
            #expect(places.contains(place))
            #expect(resources.storageCount == 63)
            unsafe resources.take(back: again)
        }
    }

    @Test func `mask keys are drawn once each and evenly (T23)`() {
        driven.run {
            let draw = TransportResources.of(driven.scheduler).maskKeys
            let count = 100_000
            var seen: Set<UInt32> = []
            var bits = [Int](repeating: 0, count: 32)
            for _ in 0..<count {
                let key = draw()
                seen.insert(key)
                for bit in 0..<32 where key >> UInt32(bit) & 1 == 1 { bits[bit] += 1 }
            }
            // Of 100,000 independent draws out of 2^32 one pair is equal on average, ten hardly ever; a buffer
            // that was handed out twice would repeat a thousand.
            #expect(count - seen.count < 10)
            // Six standard deviations.
            #expect(bits.allSatisfy { abs($0 - count / 2) < 950 })
        }
    }

    @Test func `random bytes fill what they are asked to`() {
        #expect(Random.bytes(0) == [])
        #expect(Random.bytes(16).count == 16)
        #expect(Random.bytes(16) != Random.bytes(16))
        #expect(Set(Random.bytes(4_096)).count > 200)
    }

    @Test func `a system call's name is compared by its text`() {
        let (first, second): (StaticName, StaticName) = ("recv", "recv")
        #expect(first == second && Set([first, second, "send"]).count == 2)
        #expect("\(first)" == "recv")
    }
}
