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
