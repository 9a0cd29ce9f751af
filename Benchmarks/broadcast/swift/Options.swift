/// What the command line says.
struct Options {
    struct Wrong: Error, CustomStringConvertible {
        let description: String
    }

    var isLoop = false
    var stalled = 0
    var members = 1000
    var size = 100
    var rate = 20
    var seconds = 3.0

    init(_ arguments: some Sequence<String>) throws {
        var words = Array(arguments)[...]
        while let name = words.popFirst() {
            guard let value = words.popFirst() else { throw Wrong(description: "\(name) needs a value") }
            switch (name, Int(value), Double(value)) {
            case ("--by", _, _): isLoop = value == "loop"
            case ("--stalled", let number?, _): stalled = number
            case ("--members", let number?, _): members = number
            case ("--size", let number?, _): size = number
            case ("--rate", let number?, _): rate = number
            case ("--seconds", _, let number?): seconds = number
            case ("--port", 0?, _): break
            default: throw Wrong(description: "what is \(name) \(value)?")
            }
        }
    }
}
