internal import CHansomSystem
internal import Glibc

/// How many processors a program may use. A container or `taskset` often allows fewer than the machine has: with a
/// thread for each of those, most would only take time from each other.
enum ProcessorCount {
    static var online: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    static func usable() -> Int {
        count(online: online, affinity: Int(hansom_affinity_count()), quota: CPUQuota.processors(reading: read))
    }

    /// - Parameters:
    ///   - affinity: on how many the program may run; 0: not known.
    ///   - quota: how much processor time it may use in a time, `nil`: as much as there is.
    static func count(online: Int, affinity: Int, quota: Double?) -> Int {
        let allowed = affinity > 0 ? min(online, affinity) : online
        guard let quota, quota < Double(allowed) else { return max(1, allowed) }
        return max(1, Int(quota.rounded(.up)))
    }

    /// A small file of the kernel's.
    private static func read(_ path: String) -> String? {
        (try? FileContent.read(path, atMost: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What control groups allow of the processors' time, from the files of the kernel (cgroups(7), proc(5)): of version 2
/// `cpu.max`, of version 1 `cpu.cfs_quota_us` and `cpu.cfs_period_us`. A group is bound by those above it too.
enum CPUQuota {
    /// How many processors' time the program may use: the least that one of its groups allows; `nil` if none has a
    /// quota.
    ///
    /// - Parameter read: the text of a file, `nil` if there is none.
    static func processors(reading read: (String) -> String?) -> Double? {
        guard let groups = read("/proc/self/cgroup"), let mounts = read("/proc/self/mountinfo") else { return nil }
        let hierarchies = mounts.split(separator: "\n").compactMap { Mount(String($0)) }
        var least: Double?
        for line in groups.split(separator: "\n") {
            // Number, controllers, path: "0::/a/b" of version 2, "4:cpu,cpuacct:/a/b" of version 1.
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let isUnified = fields[0] == "0" && fields[1].isEmpty
            guard isUnified || fields[1].split(separator: ",").contains("cpu") else { continue }
            for mount in hierarchies where mount.isUnified == isUnified {
                for folder in mount.folders(of: String(fields[2])) {
                    guard let quota = isUnified ? unified(folder, read) : legacy(folder, read) else { continue }
                    least = min(least ?? quota, quota)
                }
            }
        }
        return least
    }

    private static func unified(_ folder: String, _ read: (String) -> String?) -> Double? {
        let fields = (read(folder + "/cpu.max") ?? "").split { $0 == " " || $0 == "\n" }
        guard fields.count == 2 else { return nil }
        return ratio(fields[0], fields[1])
    }

    private static func legacy(_ folder: String, _ read: (String) -> String?) -> Double? {
        guard let quota = read(folder + "/cpu.cfs_quota_us"), let period = read(folder + "/cpu.cfs_period_us") else {
            return nil
        }
        return ratio(quota.prefix { $0 != "\n" }, period.prefix { $0 != "\n" })
    }

    /// `nil` for "max", -1 and what is no number.
    private static func ratio(_ quota: Substring, _ period: Substring) -> Double? {
        guard let quota = Int(quota), let period = Int(period), quota > 0, period > 0 else { return nil }
        return Double(quota) / Double(period)
    }

    /// A hierarchy of control groups that processors belong to, as it is mounted.
    private struct Mount {
        let isUnified: Bool
        /// Which group is what one sees at `point`.
        let root: String
        let point: String

        /// A line of mountinfo: number, parent, device, root, point, options, any number of tags, "-", type, source,
        /// options.
        init?(_ line: String) {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 3 else {
                return nil
            }
            switch fields[dash + 1] {
            case "cgroup2": isUnified = true
            case "cgroup" where fields[dash + 3].split(separator: ",").contains("cpu"): isUnified = false
            default: return nil
            }
            root = Mount.unescaped(fields[3])
            point = Mount.unescaped(fields[4])
        }

        /// The folders of a group and of those above it, as far as they can be seen.
        func folders(of group: String) -> [String] {
            // In a container whose own groups are mounted, but which is told the host's name of its group, it is the
            // root.
            let prefix = root == "/" ? "" : root
            let inside = group == root ? "" : group.hasPrefix(prefix + "/") ? group.dropFirst(prefix.count) : ""
            var folder = point == "/" ? "" : point
            var folders = [folder]
            for name in inside.split(separator: "/") where name != ".." {
                folder += "/" + name
                folders.append(folder)
            }
            return folders
        }

        /// Blanks and backslashes are written as "\040", in octal.
        private static func unescaped(_ field: String) -> String {
            guard field.utf8.contains(UInt8(ascii: "\\")) else { return field }
            var bytes: [UInt8] = []
            var rest = Array(field.utf8)[...]
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\\"), rest.count >= 3,
                    let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
                {
                    bytes.append(code)
                    rest = rest.dropFirst(3)
                } else {
                    bytes.append(byte)
                }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
