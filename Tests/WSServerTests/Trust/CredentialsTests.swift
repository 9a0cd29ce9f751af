import HTTPTypes
import HansomHTTP
import HansomTransport
import Testing
import WSProtocol

@testable import WSServer

/// Who says who he is, and how it is compared.
@Suite(.timeLimit(.minutes(2))) struct CredentialsTests {
    private func basic(_ text: String, scheme: String = "Basic") -> BasicCredentials? {
        BasicCredentials([.authorization: "\(scheme) \(Base64.encode(Array(text.utf8)))"])
    }

    @Test(arguments: [
        ("ann:secret", "ann", "secret"), ("ann:", "ann", ""), (":secret", "", "secret"), ("a:b:c", "a", "b:c"),
        ("Jürgen:Ärger €", "Jürgen", "Ärger €"),
    ])
    func `reads a user and a password (S12)`(text: String, user: String, password: String) throws {
        for scheme in ["Basic", "basic", "BASIC", "Basic "] {
            let credentials = try #require(basic(text, scheme: scheme))
            #expect(credentials.user == user && credentials.password == password)
            #expect(credentials.match(user: user, password: password))
            #expect(!credentials.match(user: user, password: password + "x"))
            #expect(!credentials.match(user: user + "x", password: password))
            #expect(!credentials.match(user: "", password: "") || (user + password).isEmpty)
        }
    }

    @Test(arguments: [
        "Basic", "Basic ", "Basic !!!!", "Basic YW5u", "Basic YW5uOnNlY3JldA", "Bearer YW5uOnNlY3JldA==",
        "YW5uOnNlY3JldA==",
        "Basic YW5uOnNl Y3JldA==", "Basic /////w==", "Basic YTpiAA==", "Basic YTpiCg==",
    ])
    func `reads nothing else as a user and a password (S12)`(value: String) {
        #expect(BasicCredentials([.authorization: value]) == nil)
    }

    @Test func `reads neither of two fields (S12)`() {
        var fields = HTTPFields()
        fields.append(.init(name: .authorization, value: "Basic YTpi"))
        #expect(BasicCredentials(fields) != nil && BasicCredentials([:]) == nil && BearerToken([:]) == nil)
        fields.append(.init(name: .authorization, value: "Basic YTpi"))
        #expect(BasicCredentials(fields) == nil && BearerToken(fields) == nil)
    }

    @Test(arguments: [
        ("abc", true), ("a.b-c_d~e+f/g==", true), ("", false), ("==", false), ("a b", false), ("a=b", false),
        ("ä", false),
    ])
    func `reads a token (S12)`(text: String, isToken: Bool) throws {
        let token = BearerToken([.authorization: "Bearer \(text)"])
        #expect((token != nil) == isToken)
        guard let token else { return }
        #expect(token.value == text && token.matches(text) && !token.matches(text + "=") && !token.matches(""))
        #expect(
            token.matches(anyOf: ["x", text, "y"]) && !token.matches(anyOf: ["x", "y"]) && !token.matches(anyOf: []))
    }

    @Test func `shows neither password nor token (S12) (S13)`() throws {
        let credentials = try #require(basic("ann:secret"))
        let token = try #require(BearerToken([.authorization: "bearer topsecret"]))
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(token, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), "\(token)", String(reflecting: token), dumped] {
            #expect(!text.contains("secret"))
        }
        #expect("\(credentials)".contains("ann"))
    }

    // MARK: Work, counted

    /// Bytes that count how many of them were looked at.
    final class Counted: Sequence, IteratorProtocol {
        private var bytes: [UInt8].Iterator
        private(set) var visits = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes.makeIterator() }

        func next() -> UInt8? {
            let byte = bytes.next()
            if byte != nil { visits += 1 }
            return byte
        }
    }

    @Test(arguments: 0...32)
    func `looks at every byte, wherever the first difference is (S12) (T24)`(difference: Int) {
        let secret = (0..<32).map { UInt8($0) }
        var guess = secret
        if difference < 32 { guess[difference] ^= 0x80 }
        let (a, b) = (Counted(guess), Counted(secret))
        #expect((ConstantTime.difference(a, b) == 0) == (difference == 32))
        #expect(a.visits == 32 && b.visits == 32)
    }

    @Test(arguments: [0, 1, 31, 32, 33, 1_000])
    func `compares digests of one length, whatever the guess's is (S12) (T24)`(length: Int) {
        let guess = [UInt8](repeating: 65, count: length)
        #expect(SHA256.digest(of: guess).count == 32)
        #expect(ConstantTime.areEqual(guess, guess) && !ConstantTime.areEqual(guess, guess + [65]))
        #expect(!ConstantTime.areEqual(guess, [66]))
    }
}
