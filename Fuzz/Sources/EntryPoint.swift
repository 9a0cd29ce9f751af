#if canImport(Glibc)
    import Glibc
#endif

/// What libFuzzer calls, again and again, with bytes that it has made up (https://llvm.org/docs/LibFuzzer.html).
///
/// - Returns: 0; -1 would keep the input out of the corpus.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // Safety: libFuzzer lends `count` bytes for the call, and they are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    chosenTarget.run(input)
    return 0
}

/// The target that `HANSOM_FUZZ_TARGET` names; an option of the command line would be taken for one of libFuzzer's.
private let chosenTarget: FuzzTarget = {
    // Safety: the text is copied at once, and nobody changes the environment.
    let name = unsafe getenv("HANSOM_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let all = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
        print("HANSOM_FUZZ_TARGET is \(name.debugDescription); allowed are: \(all)")
        exit(2)
    }
    return target
}()
