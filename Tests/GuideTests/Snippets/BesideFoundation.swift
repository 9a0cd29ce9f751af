import Actors
import Foundation

func bothProcesses() {
    // guide: foundation
    typealias Worker<Message: Sendable> = Actors.Process<Message>

    let command = Foundation.Process()
    let worker: Worker<String> = Process<String>.spawn { me in
        for await line in me.mailbox { print(line) }
    }
    func send(_ lines: [String], to worker: Actors.Process<String>) {
        for line in lines { worker.send(line) }
    }
    // end
    print(command)
    worker.exit(.shutdown)
}
