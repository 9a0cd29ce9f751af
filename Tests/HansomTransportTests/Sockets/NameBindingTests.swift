import Actors
import Glibc
import Testing

@testable import HansomTransport

/// All addresses of a name, bound by a system that is made up.
@Suite(.timeLimit(.minutes(2))) struct NameBindingTests {
    private let four = SocketAddress(numeric: "127.0.0.1", port: 0)
    private let six = SocketAddress(numeric: "::1", port: 0)

    /// Binds, with a system that chooses the ports from 5001 on.
    ///
    /// - Parameter refuses: the `errno` for an address, or `nil`.
    private func bind(
        _ addresses: [SocketAddress?], refusing refuses: (SocketAddress) -> Int32?
    ) -> Result<[SocketAddress], NameBinding.Failure> {
        var next: UInt16 = 5000
        do throws(NameBinding.Failure) {
            let bound = try NameBinding.bind(toAll: addresses.compactMap { $0 }, bound: \.self) {
                address throws(SystemError) in
                var address = address
                if address.port == 0 {
                    next += 1
                    address = address.with(port: next)
                }
                if let errno = refuses(address) { throw SystemError(call: "bind", errno: errno) }
                return address
            }
            return .success(bound)
        } catch {
            return .failure(error)
        }
    }

    private func texts(_ result: Result<[SocketAddress], NameBinding.Failure>) -> [String] {
        switch result {
        case .success(let addresses): addresses.map { "\($0)" }
        case .failure(let failure): ["\(failure.address): \(failure.error.errno)"]
        }
    }

    @Test func `each address is bound once, on the port that the system chose for the first`() {
        #expect(texts(bind([four, six, four]) { _ in nil }) == ["127.0.0.1:5001", "[::1]:5001"])
    }

    @Test func `another port is tried when the chosen one is taken at the next address`() {
        let result = bind([four, six]) { $0.family == AF_INET6 && $0.port != 5003 ? EADDRINUSE : nil }
        #expect(texts(result) == ["127.0.0.1:5003", "[::1]:5003"])
    }

    @Test func `a port that was asked for is tried once`() {
        var asked = 0
        let result = bind([four?.with(port: 80), six?.with(port: 80)]) { address in
            asked += 1
            return address.family == AF_INET6 ? EADDRINUSE : nil
        }
        #expect(texts(result) == ["[::1]:80: \(EADDRINUSE)"] && asked == 2)
    }

    @Test func `no more than eight ports are tried`() {
        var asked = 0
        let result = bind([four]) { _ in
            asked += 1
            return EADDRINUSE
        }
        #expect(texts(result) == ["127.0.0.1:0: \(EADDRINUSE)"] && asked == 8)
    }

    @Test(arguments: [EADDRNOTAVAIL, EAFNOSUPPORT])
    func `an address that this machine has not is left out, unless it is the only one`(errno: Int32) {
        #expect(texts(bind([six, four]) { $0.family == AF_INET6 ? errno : nil }) == ["127.0.0.1:5002"])
        #expect(texts(bind([six]) { _ in errno }) == ["[::1]:0: \(errno)"])
    }

    @Test func `bytes that should be a text are escaped, quotes and backslashes too`() {
        #expect(LogText.escaped([0x61, 0x22, 0x5C, 0x0A, 0xFF, 0x7F], atMost: 6) == #"a\"\\\x0A\xFF\x7F"#)
        #expect(LogText.escaped("äb".utf8, atMost: 2) == #"\xC3\xA4..."#)
        #expect(LogText.escaped("äb", .bytes) == #"\xC3\xA4b"#)
    }
}
