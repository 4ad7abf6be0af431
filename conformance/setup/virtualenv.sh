#!/usr/bin/env bash
# Makes .venv in the current directory, if there is none that works, and installs the
# project into it with the extras that are named: virtualenv.sh dev suite
set -euo pipefail
# shellcheck source=conformance/setup/python.sh
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"

extras=$(IFS=,; echo "${*:-dev}")

if ! .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
    if ! python=$(find_python); then
        echo "install: needs Python 3.11 or newer with venv; on Debian and Ubuntu:" \
            "apt-get install python3 python3-venv" >&2
        exit 1
    fi
    echo "install: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
echo "install: pip install -e .[$extras]"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
