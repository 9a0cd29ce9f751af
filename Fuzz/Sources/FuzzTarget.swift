/// What can be fuzzed. README.md says what each target shows.
enum FuzzTarget: String, CaseIterable {
    case frames
    case assembler
    case deflate
    case splits
    case pair
    case requests
    case responses
    case bodies
    case fields
    case urls
    case utf8
    case cookies
    case tunnels
    case proxyHeader = "proxy-header"
    case forwarded

    func run(_ input: [UInt8]) {
        switch self {
        case .frames: fuzzFrames(input)
        case .assembler: fuzzAssembler(input)
        case .deflate: fuzzDeflate(input)
        case .splits: fuzzSplits(input)
        case .pair: fuzzPair(input)
        case .requests: fuzzRequests(input)
        case .responses: fuzzResponses(input)
        case .bodies: fuzzBodies(input)
        case .fields: fuzzFields(input)
        case .urls: fuzzURLs(input)
        case .utf8: fuzzUTF8(input)
        case .cookies: fuzzCookies(input)
        case .tunnels: fuzzTunnels(input)
        case .proxyHeader: fuzzProxyHeader(input)
        case .forwarded: fuzzForwarded(input)
        }
    }
}
