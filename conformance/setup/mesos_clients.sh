#!/usr/bin/env bash
# Brings what the real frameworks need to run on our Mesos side: tools from Debian, of those only
# what is missing, and an environment for each client below build/mesos, from its registry.
#
# Without root or apt, or where a client's Python cannot be had, a line says so and the client is
# skipped later. That is an error where CI is set, because there a test that cannot run fails.
set -euo pipefail

missing=()
# need PROGRAM PACKAGE...: the packages are missing unless the program is on the path.
need() {
    local program=$1
    shift
    if ! command -v "$program" >/dev/null 2>&1; then
        missing+=("$@")
    fi
}

need curl curl
# Runs dpark as somebody else than root.
need setpriv util-linux
# pymesos and dpark have parts in C.
need gcc gcc libc6-dev
need go golang-go

if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "mesos clients: parts are skipped without what Debian calls: ${missing[*]}" >&2
        [ -z "${CI:-}" ] || exit 1
    else
        echo "mesos clients: apt-get install ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        apt-get -o DPkg::Lock::Timeout=300 update >/dev/null
        apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends \
            "${missing[@]}" >/dev/null
    fi
fi

exec .venv/bin/python -m conformance.mesos --prepare
