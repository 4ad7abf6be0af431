#!/usr/bin/env bash
# Fetches the source of Debian's package zookeeper into the directory given: its library for C
# is built without TLS, so whoever wants that has to compile it. Nothing of the system is changed.
set -euo pipefail

place=$(readlink -f "$1")
lists=$place/lists
mkdir -p "$lists/partial" "$place/archives/partial"
sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$place/src.sources"
options=(
    -o "Dir::Etc::sourcelist=$place/src.sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$lists" -o "Dir::Cache::archives=$place/archives"
    -o APT::Sandbox::User=root -q
)
apt-get "${options[@]}" update
cd "$place"
apt-get "${options[@]}" source --download-only zookeeper
rm -rf "$lists" "$place/archives" "$place/src.sources"
