/// Ends the program, so that libFuzzer keeps the input, when something does not hold. Unlike `assert` it stays in
/// optimised code.
func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { fatalError(message(), file: file, line: line) }
}

func requireEqual<Value: Equatable>(
    _ value: Value, _ expected: Value, _ what: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    require(value == expected, "\(what()): \(shown(value)) instead of \(shown(expected))", file: file, line: line)
}

/// The beginning of what a value is printed as: the input tells the rest.
private func shown(_ value: some Any) -> String { String(String(describing: value).prefix(400)) }
