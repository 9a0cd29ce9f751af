// Tasks fan out over pages: some at a time, each with a limit of time, and the results come in order.

import Actors

enum Pages {
    enum Failure: String, Error { case notFound }

    /// How many bytes a page has.
    static func size(_ page: String) async throws -> Int {
        if page == "/broken" { throw Failure.notFound }
        if page == "/slow" { try await Task.sleep(for: .seconds(3600)) }
        return 100 * page.count
    }
}

func fanOut() async throws {
    let pages = ["/", "/news", "/slow", "/broken", "/about", "/contact"]

    let sizes = ProcessTask.stream(over: pages, maxConcurrent: 2, timeout: .seconds(2)) { try await Pages.size($0) }

    var waiting = pages[...]
    for await size in sizes {
        let page = waiting.removeFirst()
        switch size {
        case .success(let bytes): print("\(page): \(bytes) bytes")
        case .failure(let error as CallError) where error.code == .timeout: print("\(page): too slow")
        case .failure(let error): print("\(page): \(error)")
        }
    }
}
