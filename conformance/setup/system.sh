#!/usr/bin/env bash
# Installs what the demo or the tests need from outside of Python, as Debian packages, and of
# those only what is missing: system.sh demo | tests
#
# A tool counts as there when it can be found, wherever it came from. Without root or without
# apt nothing is installed; one line says what is missing. That is an error where CI is set,
# because there a test that cannot run fails.
set -euo pipefail
# shellcheck source=conformance/setup/python.sh
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"

profile=${1:-tests}
missing=()

# need CONDITION PACKAGE...: the packages are missing unless the condition holds.
need() {
    local condition=$1
    shift
    if ! eval "$condition" >/dev/null 2>&1; then
        missing+=("$@")
    fi
}

has() {
    command -v "$1"
}

look_for_what_is_missing() {
    missing=()
    need find_python python3 python3-venv
    # Apache ZooKeeper itself, its Java client and its command line shell.
    need '[ -e /usr/share/java/zookeeper.jar ]' libzookeeper-java
    need '[ -e /usr/share/java/slf4j-simple.jar ]' libslf4j-java
    if [ "$profile" = demo ]; then
        need 'has java' default-jre-headless
        return
    fi
    need 'has java && has javac' default-jdk-headless
    need 'has mvn' maven
    # The C library and its command line client.
    need 'has gcc && [ -e /usr/include/stdio.h ]' gcc libc6-dev
    need '[ -e /usr/include/zookeeper/zookeeper.h ]' libzookeeper-mt-dev
    need '[ -e /usr/lib/zookeeper/bin/cli_mt ]' zookeeper-bin
    # To compile that library with TLS.
    need '[ -e /usr/include/openssl/ssl.h ]' libssl-dev
    need 'has go' golang-go
    need 'has curl' curl
    # Runs programs as somebody else than root.
    need 'has setpriv' util-linux
    need 'has node' nodejs
    need 'has npm' npm
}

# Says what is wrong; an error in CI only.
give_up() {
    echo "system: $1" >&2
    if [ -n "${CI:-}" ]; then
        exit 1
    fi
    exit 0
}

look_for_what_is_missing
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if ! has apt-get >/dev/null; then
    give_up "no apt-get here; parts are skipped without what Debian calls: ${missing[*]}"
fi
if [ "$(id -u)" -ne 0 ]; then
    give_up "parts are skipped until you run: sudo apt-get install ${missing[*]}"
fi

echo "system: apt-get install ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install_packages() {
    apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
}

if ! { apt-get update && install_packages "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    # One that cannot be installed shall not keep the others away.
    for package in "${missing[@]}"; do
        install_packages "$package" >"$log" 2>&1 || echo "system: $package: $(tail -n 1 "$log")" >&2
    done
fi
look_for_what_is_missing
if [ ${#missing[@]} -gt 0 ]; then
    give_up "could not be installed, so parts are skipped: ${missing[*]}"
fi
