import Foundation
import Testing

/// What the scripts share, `Scripts/lib.sh`, and what a script says when it is called wrongly.
@Suite(.timeLimit(.minutes(2))) struct ScriptLibraryTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Scripts").standardizedFileURL.path

    /// Runs lines of Bash as a script named `demo`, with the library read in and a folder of its own in `dir`.
    private func bash(_ script: String) async throws -> (code: Int32, output: [String], errors: [String]) {
        let dir = FileManager.default.temporaryDirectory.appendingPathComponent("scripts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: dir, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: dir) }
        let text = """
            set -euo pipefail
            dir='\(dir.path)'
            source '\(ScriptLibraryTests.folder)/lib.sh'
            # fake NAME: a program of this name, found before any other, whose text is the input.
            fake() { mkdir -p "$dir/bin"; { echo '#!/bin/bash'; cat; } >"$dir/bin/$1"; chmod +x "$dir/bin/$1"; }
            \(script)
            """
        return await (try CommandRun(program: "/bin/bash", arguments: ["-c", text, "/somewhere/demo"], input: Data()))
            .finished()
    }

    // MARK: Waiting

    @Test func `waits until a condition holds`() async throws {
        let run = try await bash(
            """
            count=0
            third() { ((++count == 3)); }
            wait_until 30 third
            echo "$count"
            """)
        #expect(run.code == 0 && run.output == ["3"] && run.errors == [])
    }

    @Test func `waits no longer than it may, and asks once whatever the time`() async throws {
        let run = try await bash(
            """
            wait_until 0 true && echo holds
            wait_until 0 false || echo "over: $?"
            """)
        #expect(run.code == 0 && run.output == ["holds", "over: 1"])
    }

    @Test func `takes a line when it is whole`() async throws {
        let run = try await bash(
            #"""
            mkfifo "$dir/go"
            start_logged "$dir/log" bash -c 'printf "at port 80"; read -r <"$1"; echo 80; read -r <"$1"' - "$dir/go"
            wait_until 30 grep --quiet 'at port 80' "$dir/log"
            wait_for_line 0 "$pid" "$dir/log" '^at port ([0-9]+)' || echo "not yet"
            echo >"$dir/go"
            wait_for_line 30 "$pid" "$dir/log" '^at port ([0-9]+)'
            echo "$found"
            echo >"$dir/go"
            wait "$pid"
            """#)
        #expect(run.code == 0 && run.output == ["not yet", "8080"], "\(run)")
    }

    @Test func `does not wait for a program that has ended, and has heard its last word`() async throws {
        let run = try await bash(
            """
            start_logged "$dir/log" echo 'last word'
            wait_for_line 3600 "$pid" "$dir/log" '^first' || echo "no line: $?"
            wait_for_line 3600 "$pid" "$dir/log" '^last (.*)'
            echo "$found"
            """)
        #expect(run.code == 0 && run.output == ["no line: 1", "word"], "\(run)")
    }

    @Test func `a log is there as soon as its program is started`() async throws {
        let run = try await bash(
            """
            echo old >"$dir/log"
            start_logged "$dir/log" true
            [[ -f $dir/log && ! -s $dir/log ]] && echo there
            wait "$pid"
            """)
        #expect(run.code == 0 && run.output == ["there"])
    }

    // MARK: Ending

    @Test(arguments: [(0, "exit 0"), (3, "exit 3")])
    func `a program is asked to end, and its code is told`(code: Int, end: String) async throws {
        let run = try await bash(
            """
            mkfifo "$dir/silence"
            start_logged "$dir/log" bash -c 'trap "\(end)" TERM; echo ready; while :; do read -r -t 1 <>"$1" || :; done' - "$dir/silence"
            wait_for_line 30 "$pid" "$dir/log" ready
            stop_program 30 "$pid" && code=0 || code=$?
            echo "$code"
            """)
        #expect(run.output == ["\(code)"], "\(run)")
    }

    @Test func `a program that does not end is killed`() async throws {
        let run = try await bash(
            """
            start_logged "$dir/log" bash -c 'trap "" TERM; echo ready; exec sleep 50'
            wait_for_line 30 "$pid" "$dir/log" ready
            stop_program 0 "$pid" && code=0 || code=$?
            echo "$code"
            has_ended "$pid" && echo ended
            """)
        #expect(run.output == ["137", "ended"], "\(run)")
    }

    // MARK: Saying what is wrong

    @Test func `a failure names the script, on standard error, with code 1`() async throws {
        let run = try await bash("die 'it broke'")
        #expect(run.code == 1 && run.output == [] && run.errors == ["demo: it broke"])
    }

    @Test func `a script tells how it is used, and which word it does not know`() async throws {
        let demo = ScriptLibraryTests.folder + "/demo"
        let help = await (try CommandRun(program: "/bin/bash", arguments: [demo, "--help"], input: Data())).finished()
        #expect(help.code == 0 && help.output.first?.hasPrefix("Shows Hansom at work") == true)
        #expect(help.output.contains("  Scripts/demo"))
        let wrong = await (try CommandRun(program: "/bin/bash", arguments: [demo, "--quick"], input: Data())).finished()
        #expect(
            wrong.code == 1 && wrong.output == [] && wrong.errors == ["demo: unknown argument --quick (try --help)"])
    }

    @Test func `says that there is no Swift`() async throws {
        let run = try await bash("PATH=$dir; need_swift")
        #expect(
            run.code == 1 && run.errors.count == 1
                && run.errors.first?.contains("no Swift toolchain on the PATH") == true)
    }

    // MARK: Installing

    /// Debian's programs, as far as they are called: everything is installed but what is named `missing`.
    private static let debian = #"""
        fake dpkg-query <<<'[[ ${!#} != missing* ]] && printf installed || exit 1'
        fake apt-get <<<'printf "%s " "$@" >>"${0%/*}/../installed"; echo >>"${0%/*}/../installed"'
        fake sudo <<<'exec "$@"'
        PATH=$dir/bin:$PATH
        """#

    @Test func `installs nothing when everything is there`() async throws {
        let run = try await bash("\(ScriptLibraryTests.debian)\nneed_packages one two\n[[ ! -e $dir/installed ]]")
        #expect(run.code == 0 && run.output == [] && run.errors == [], "\(run)")
    }

    @Test func `installs what is missing, and nothing else`() async throws {
        let run = try await bash(
            "\(ScriptLibraryTests.debian)\nneed_packages one missing-a two missing-b\ncat \"$dir/installed\"")
        #expect(run.code == 0 && run.output.first == "==> installing missing-a missing-b", "\(run)")
        let calls = run.output.dropFirst().map { $0.split(separator: " ").filter { !$0.hasPrefix("--") } }
        #expect(calls == [["update"], ["install", "missing-a", "missing-b"]])
    }

    @Test func `says what must be there where there are no Debian packages`() async throws {
        let run = try await bash("PATH=$dir; need_packages one two")
        #expect(run.code == 0 && run.output == ["==> not a Debian system: these must be there already: one two"])
    }

    @Test func `leaves the peers alone that are installed already`() async throws {
        let run = try await bash(
            """
            root=$dir
            mkdir -p "$dir/Tests/Peers" "$dir/.venv/bin"
            echo pin | tee "$dir/Tests/Peers/requirements.txt" >"$dir/.venv/installed.txt"
            fake works <<<'echo "$*" >>"${0%/*}/../../asked"'
            mv "$dir/bin/works" "$dir/.venv/bin/python"
            need_peers
            cat "$dir/asked"
            """)
        #expect(run.code == 0 && run.output == ["-c import aiohttp, websockets"], "\(run)")
    }
}
