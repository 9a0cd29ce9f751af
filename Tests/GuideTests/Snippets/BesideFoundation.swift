import Actors
import Foundation

func bothProcesses() {
    // guide: foundation
    let command = Foundation.Process()
    let worker = Process<String>.spawn { me in
        for await line in me.mailbox { print(line) }
    }
    // end
    print(command)
    worker.exit(.shutdown)
}
