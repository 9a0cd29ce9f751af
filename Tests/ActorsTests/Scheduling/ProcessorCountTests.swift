import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(1))) struct ProcessorCountTests {
    @Test(
        arguments: [
            (8, 0, nil, 8), (8, 3, nil, 3), (8, 8, 2.0, 2), (8, 8, 1.5, 2), (8, 8, 0.2, 1), (8, 2, 4.0, 2),
            (64, 64, 63.5, 64),
            (0, 0, nil, 1), (1, 0, 0.000_01, 1), (4, 9, 1e18, 4),
        ] as [(Int, Int, Double?, Int)])
    func `as many as are online, as the affinity allows, and as the quota pays for (P28)`(
        online: Int, affinity: Int, quota: Double?, count: Int
    ) {
        #expect(ProcessorCount.count(online: online, affinity: affinity, quota: quota) == count)
    }

    /// What the kernel says on a machine with these files.
    private func quota(_ files: [String: String]) -> Double? { CPUQuota.processors { files[$0] } }

    private static let unified =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw,nsdelegate\n"

    @Test func `a container's quota of version 2 is found at the root of what it sees (P28)`() {
        var files = ["/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": ProcessorCountTests.unified]
        #expect(quota(files) == nil)
        files["/sys/fs/cgroup/cpu.max"] = "max 100000\n"
        #expect(quota(files) == nil)
        files["/sys/fs/cgroup/cpu.max"] = "200000 100000\n"
        #expect(quota(files) == 2)
        for odd in ["", "0 100000", "-1 100000", "1 0", "200000", "x y", "200000 100000 3"] {
            files["/sys/fs/cgroup/cpu.max"] = odd
            #expect(quota(files) == nil, "\(odd)")
        }
    }

    @Test func `the least of a group and those above it counts (P28)`() {
        let files = [
            "/proc/self/cgroup": "0::/system.slice/a b.service\n", "/proc/self/mountinfo": ProcessorCountTests.unified,
            "/sys/fs/cgroup/system.slice/cpu.max": "150000 100000\n",
            "/sys/fs/cgroup/system.slice/a b.service/cpu.max": "400000 100000\n",
        ]
        #expect(quota(files) == 1.5)
    }

    @Test func `version 1 is read too, by whatever name and wherever it is mounted (P28)`() {
        let groups = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n0::/docker/x\n"
        let mount = "rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
        for (root, point, folder) in [
            ("/", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/docker/x"),
            ("/docker/x", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu"), ("/docker", "/c", "/c/x"),
            ("/elsewhere", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu"),
            ("/", "/with\\040blank", "/with blank/docker/x"),
        ] {
            var files = ["/proc/self/cgroup": groups, "/proc/self/mountinfo": "33 24 0:29 \(root) \(point) \(mount)"]
            files[folder + "/cpu.cfs_quota_us"] = "50000\n"
            files[folder + "/cpu.cfs_period_us"] = "100000\n"
            #expect(quota(files) == 0.5, "\(root) \(point)")
            files[folder + "/cpu.cfs_quota_us"] = "-1\n"
            #expect(quota(files) == nil)
        }
    }

    @Test func `what cannot be read or understood is no quota (P28)`() {
        #expect(quota([:]) == nil)
        #expect(quota(["/proc/self/cgroup": "", "/proc/self/mountinfo": ""]) == nil)
        for odd in ["0::", "::", "x", "4:cpu", "0::/../..", "0::a//b"] {
            for mounts in ["-", "1 2 3 / /x rw - cgroup2", "1 2 3 / / rw - cgroup2 c rw", ProcessorCountTests.unified] {
                #expect(quota(["/proc/self/cgroup": odd, "/proc/self/mountinfo": mounts]) == nil)
            }
        }
    }

    @Test func `on this machine it is no more than it has (P28)`() {
        #expect((1...max(1, ProcessorCount.online)).contains(SchedulerGroup.processorCount))
    }
}
