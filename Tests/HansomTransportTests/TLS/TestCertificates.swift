/// The certificates of the tests, made once when they are first asked for.
struct TestCertificates: Sendable {
    static let shared = TestCertificates()

    private static let day = 86_400

    let authority: TestIdentity
    /// An authority that nobody trusts.
    let stranger: TestIdentity
    /// `localhost`, `*.example.com`, 127.0.0.1 and ::1.
    let localhost: TestIdentity
    let otherHost: TestIdentity
    /// `*.example.com`, and names that look right and are none.
    let oddNames: TestIdentity
    /// Names `localhost` as its common name only.
    let nameless: TestIdentity
    let expired: TestIdentity
    let notYetValid: TestIdentity
    /// The same as `localhost`, with RSA of 2048 bits.
    let rsa: TestIdentity
    /// RSA of 1024 bits.
    let weak: TestIdentity
    let selfSigned: TestIdentity
    let byStranger: TestIdentity
    let client: TestIdentity
    /// The key of `localhost`, encrypted.
    let encryptedKey: [UInt8]

    private init() {
        let maker = CertificateMaker()
        let root = maker.authority("Test Root")
        let other = maker.authority("Somebody Else's Root")
        let names = "DNS:localhost,DNS:*.example.com,IP:127.0.0.1,IP:::1"
        authority = root.identity
        stranger = other.identity
        let leaf = maker.leaf("localhost", names: names, by: root)
        localhost = leaf.identity
        encryptedKey = leaf.encryptedKey
        otherHost = maker.leaf("other", names: "DNS:a.test,DNS:b.test,IP:10.0.0.1", by: root).identity
        oddNames =
            maker.leaf("odd", names: "DNS:10.1.2.3,DNS:*.example.com,DNS:*.test,DNS:*.com,DNS:w*.example.net", by: root)
            .identity
        nameless = maker.leaf("localhost", names: nil, by: root).identity
        expired = maker.leaf("localhost", names: names, by: root, from: -20 * Self.day, to: -10 * Self.day).identity
        notYetValid = maker.leaf("localhost", names: names, by: root, from: 10 * Self.day, to: 20 * Self.day).identity
        rsa = maker.leaf("localhost", names: names, by: root, rsaBits: 2048).identity
        weak = maker.leaf("localhost", names: names, by: root, rsaBits: 1024).identity
        selfSigned = maker.leaf("localhost", names: names, by: nil).identity
        byStranger = maker.leaf("localhost", names: names, by: other).identity
        client = maker.leaf("A Client", names: nil, by: root).identity
    }
}
