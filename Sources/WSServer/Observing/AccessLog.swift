/// What is done with the record of each finished connection, refused handshake and HTTP answer.
///
///     options.accessLog = .combined { line in file.append(line) }
///     options.accessLog = .json { print($0) }
///     options.accessLog = AccessLog { record in if record.status >= 400 { suspects.send(record.clientAddress) } }
///
/// It is called on the thread of the scheduler where it happened: it must not block for long.
public struct AccessLog: Sendable {
    let record: @Sendable (AccessRecord) -> Void

    /// - Parameter record: is given each record.
    public init(_ record: @escaping @Sendable (AccessRecord) -> Void) { self.record = record }

    /// Lines like those of web servers (the "combined" format), with what a connection has besides behind them.
    ///
    /// - Parameter write: is given each line, without an end.
    public static func combined(_ write: @escaping @Sendable (String) -> Void) -> AccessLog {
        AccessLog { write($0.combined) }
    }

    /// One JSON object a line.
    ///
    /// - Parameter write: is given each line, without an end.
    public static func json(_ write: @escaping @Sendable (String) -> Void) -> AccessLog {
        AccessLog { write($0.json) }
    }
}
