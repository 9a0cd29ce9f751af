package import Actors
internal import Foundation
internal import Glibc

/// What a test could leave behind on a group of schedulers and on one address.
package struct Remains: Equatable, CustomStringConvertible {
    /// Processes that have not ended, connections among them.
    package var processes: Int
    package var alarms: Int
    /// Descriptors that a scheduler watches.
    package var watches: Int
    /// This program's own TCP sockets with that port at either end.
    package var sockets: Int

    package init(processes: Int = 0, alarms: Int = 0, watches: Int = 0, sockets: Int = 0) {
        self.processes = processes
        self.alarms = alarms
        self.watches = watches
        self.sockets = sockets
    }

    /// Counts, now.
    package static func count(_ schedulers: SchedulerGroup, port: Int? = nil) async -> Remains {
        var remains = Remains()
        for scheduler in schedulers.schedulers {
            let part = await scheduler.ask { ($0.processes.count, $0.alarmCount, $0.watchCount) }
            remains.processes += part.0
            remains.alarms += part.1
            remains.watches += part.2
        }
        if let port { remains.sockets = ownSockets(port: port) }
        return remains
    }

    package var description: String {
        "\(processes) processes, \(alarms) alarms, \(watches) watched descriptors, \(sockets) sockets"
    }

    /// The sockets of this program, of any thread, that are bound or connected to `port`: proc(5).
    private static func ownSockets(port: Int) -> Int {
        let hexadecimal = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
        var inodes: Set<Substring> = []
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            for line in contents(table).split(separator: "\n").dropFirst() {
                let columns = line.split(separator: " ")
                guard columns.count > 9, columns[1].hasSuffix(suffix) || columns[2].hasSuffix(suffix) else { continue }
                inodes.insert(columns[9])
            }
        }
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return descriptors.count { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            guard let target, target.hasPrefix("socket:[") else { return false }
            return inodes.contains(target.dropFirst(8).dropLast())
        }
    }

    /// A file of proc(5), which gives a page at a time and tells no size: what reads by size gets its beginning.
    private static func contents(_ path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count <= 0 { return String(decoding: all, as: UTF8.self) }
            all += buffer[..<count]
        }
    }
}

/// Looks again and again, once a turn of a scheduler, until it holds or the time is over.
package func eventually(
    within limit: Duration = .seconds(20), _ holds: @Sendable () async -> Bool
) async -> Bool {
    let deadline = ContinuousClock.now + limit
    let scheduler = SchedulerGroup.shared.next()
    while ContinuousClock.now < deadline {
        if await holds() { return true }
        // A pause that the scheduler's own clock ends, so that what is waited for has the processor.
        await withCheckedContinuation { continuation in
            scheduler.run { scheduler.arm(Alarm { continuation.resume() }, after: .milliseconds(1)) }
        }
    }
    return await holds()
}
