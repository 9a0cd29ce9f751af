# shellcheck shell=bash
# What the scripts share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '==> %s\n' "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints the comment block at the head of the script that calls it.
show_help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# MARK: Programs in the background

# is_running PID: whether a program that this script started is still there.
is_running() { kill -0 "$1" 2>/dev/null; }

has_ended() { ! is_running "$1"; }

# wait_until SECONDS COMMAND...: asks the command again and again until it succeeds; fails when it has not by then. The clock
# counts, not how often it was asked: on a busy machine each time takes longer.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS <= deadline)) || return 1
        sleep 0.1
    done
}

# start_logged LOG COMMAND...: starts it in the background with all that it says in the file LOG, and sets `pid`.
start_logged() {
    local log=$1
    shift
    # Made here: the shell that becomes the command opens it some time later, on a busy machine after somebody reads it.
    : >"$log"
    "$@" >>"$log" 2>&1 &
    pid=$!
}

# wait_for_line SECONDS PID LOG REGEX: waits for a whole line that matches in what the program says, and sets `found` to what
# the expression's first group stands for. Fails when the time is up, and when the program has ended without such a line.
wait_for_line() {
    local deadline=$((SECONDS + $1)) writer=$2 log=$3 regex=$4 line is_last
    while :; do
        # Asked before the log is read, so that what the program said last counts.
        is_last=false
        is_running "$writer" && ((SECONDS <= deadline)) || is_last=true
        while IFS= read -r line; do
            [[ $line =~ $regex ]] || continue
            # shellcheck disable=SC2034 # for whoever called
            found=${BASH_REMATCH[1]-}
            return 0
        done <"$log"
        $is_last && return 1
        sleep 0.1
    done
}

# stop_program SECONDS PID: SIGTERM, and SIGKILL when that does not end it in time. Its exit code is this one's: 137 when it
# had to be killed.
stop_program() {
    kill -TERM "$2" 2>/dev/null || true
    wait_until "$1" has_ended "$2" || kill -KILL "$2" 2>/dev/null || true
    wait "$2"
}

# MARK: What must be installed

need_swift() {
    command -v swift >/dev/null || die "no Swift toolchain on the PATH; see https://www.swift.org/install/linux"
    say "$(swift --version 2>/dev/null | head -n 1)"
}

# need_packages NAME...: Debian packages, installed only when missing.
need_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: these must be there already: $*"
        return
    fi
    local missing=() package
    for package; do
        [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "these packages are missing, and there is no sudo to install them: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}"
}

# What the tests are built with, and whom they talk to.
need_test_packages() {
    need_packages ca-certificates chromium gcc golang-github-gorilla-websocket-dev golang-go haproxy libc6-dev libssl-dev libwebsockets-dev \
        microsocks nginx node-ws nodejs openssl pkg-config python3 python3-venv tinyproxy-bin valgrind zlib1g-dev
}

# The Python programs that tests talk to, in .venv: made again only when the pins changed or it does not work.
need_peers() {
    local pins=$root/Tests/Peers/requirements.txt venv=$root/.venv python=python3
    [[ -f $pins ]] || return 0
    if cmp --silent "$pins" "$venv/installed.txt" && "$venv/bin/python" -c 'import aiohttp, websockets' 2>/dev/null; then
        return
    fi
    # Debian's python3-venv belongs to Debian's Python, whatever else comes first on the PATH.
    [[ -x /usr/bin/python3 ]] && python=/usr/bin/python3
    say "installing the test peers of Tests/Peers/requirements.txt into .venv"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins"
    cp "$pins" "$venv/installed.txt"
}
