/// Where a server of the command listens.
enum ServePlace: Sendable {
    case tcp(host: String, port: Int)
    case unix(path: String)
}
