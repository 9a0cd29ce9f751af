internal import Actors
internal import ArgumentParser
internal import Glibc
internal import WSClient

/// `hansom connect`
struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to a server: lines go out as messages, what comes in is printed.",
        discussion: """
            Messages are printed on standard output, control characters escaped; everything else on standard error. \
            On a terminal the line can be edited (arrows, ^A ^E ^K ^U ^W ^L), the arrows up and down bring back \
            earlier lines, and ^D ends. After the end of the input, or the last --execute, it waits until nothing more \
            arrives, and closes with 1000. Once the server has answered the close, it does not wait for the end of TCP.

            EXAMPLES:
              hansom connect wss://example.com/socket
              echo hello | hansom connect ws://127.0.0.1:8080/
              hansom connect ws://127.0.0.1:8080/ -x one -x two --wait 3 --json
              hansom connect wss://example.com/ -H @secrets.txt -v
              hansom connect ws://127.0.0.1:15674/ws -s v12.stomp -e -x 'CONNECT\\naccept-version:1.2\\n\\n\\0'
              hansom connect wss://example.com/feed --raw < request.json | jq .price

            EXIT CODES:
              0      the connection ended with 1000 or 1001, or without a code
              1      there was no connection, or it was lost, or closed with another code
              64     the command line cannot be understood
              124    --max-time was over
              128+N  signal N ended it (130: ^C)
            """)

    @Argument(help: "ws://, wss://, http://, https://, or ws+unix:///path/of.sock:/target")
    var url: String

    @OptionGroup(title: "Conversation") var talk: TalkArguments

    @OptionGroup(title: "Handshake") var handshake: HandshakeArguments

    @OptionGroup(title: "Limits") var limits: LimitArguments

    @OptionGroup(title: "TLS") var trust: TrustOptions

    @OptionGroup(title: "TLS") var identity: IdentityArguments

    @OptionGroup(title: "Output") var output: OutputArguments

    /// What the library is told.
    var options: ConnectOptions {
        get throws {
            var options = ConnectOptions()
            talk.apply(to: &options)
            try handshake.apply(to: &options)
            limits.apply(to: &options.limits, &options.headLimits)
            options.tls = trust.tls
            options.tls.identity = identity.identity
            return options
        }
    }

    func validate() throws {
        if limits.inflationRatio != nil && !handshake.deflate {
            throw ValidationError(
                "--max-inflation-ratio bounds compressed messages, and none is taken without --deflate")
        }
    }

    func run() async throws {
        // Its time runs from here on, files read included.
        let timeLimit = talk.maxTime.map { TimeLimit(after: $0.duration) }
        let conversation = Conversation(
            url: url, options: try options, reconnects: talk.reconnect, script: try await talk.script(),
            form: talk.form,
            parting: talk.parting, timeLimit: timeLimit, printer: output.printer(separator: talk.form.separator),
            console: Console(output.palette(for: .error)))
        try await conversation.run()
    }
}

/// Ends the command when its time is over, whatever holds it up: a peer, a proxy, a reader that takes nothing of its
/// output.
final class TimeLimit: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held.
    private let limit: Duration
    private let lock = Lock()
    private var onTime: (@Sendable () -> Void)?
    private var isLate = false
    private var isSaid = false

    /// The exit code, as `timeout` of the coreutils has it.
    private static let exitCode: Int32 = 124
    /// How long whoever is told has to end by itself.
    private static let grace = Duration.milliseconds(250)

    private var failure: CommandFailure {
        CommandFailure("not over within \(limit)", exitCode: TimeLimit.exitCode)
    }

    /// What the command then ends with: whoever takes it says it.
    func takeFailure() -> CommandFailure {
        lock.withLock { isSaid = true }
        return failure
    }

    /// Its time begins.
    init(after limit: Duration) {
        self.limit = limit
        Task.detached { [self] in
            try? await Task.sleep(for: limit)
            let tell = lock.withLock { () -> (@Sendable () -> Void)? in
                isLate = true
                return onTime
            }
            tell?()
            if tell != nil { try? await Task.sleep(for: TimeLimit.grace) }
            leave()
        }
    }

    /// Calls this when the time is over, so that the command can end in good order; it has a quarter of a second.
    func tell(_ onTime: @escaping @Sendable () -> Void) {
        let isLate = lock.withLock {
            self.onTime = onTime
            return self.isLate
        }
        if isLate { onTime() }
    }

    private func leave() -> Never {
        RawMode.leave()
        var wanted = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        // Safety: one structure, which lives as long as the call.
        if !lock.withLock({ isSaid }), unsafe poll(&wanted, 1, 0) == 1, wanted.revents & Int16(POLLOUT) != 0 {
            try? StandardStream.error.write(line: "hansom: \(failure.message)")
        }
        exit(TimeLimit.exitCode)
    }
}

/// When a conversation is over, once everything has been said.
enum Parting: Equatable, Sendable {
    /// When the server has received all of it (it answers a ping) and nothing has arrived for so long.
    case silence(Duration)
    /// So long after the last message, whatever arrives.
    case after(Duration)
}
