import CHeap
import Glibc

/// What the operating system's process uses, in bytes.
struct Memory: Sendable {
    /// Pages in physical memory.
    let resident: Int
    /// What is allocated and not freed, in all arenas.
    let heap: Int

    static var now: Memory {
        Memory(resident: residentPages() * Int(sysconf(Int32(_SC_PAGESIZE))), heap: Int(heap_in_use()))
    }

    /// The second number of `/proc/self/statm`.
    private static func residentPages() -> Int {
        var text = [UInt8](repeating: 0, count: 256)
        let file = unsafe open("/proc/self/statm", O_RDONLY)
        let length = unsafe read(file, &text, text.count)
        close(file)
        let numbers = String(decoding: text.prefix(max(0, length)), as: UTF8.self).split(separator: " ")
        return numbers.count > 1 ? Int(numbers[1]) ?? 0 : 0
    }
}
