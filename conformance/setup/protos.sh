#!/bin/bash
# Compiles the .proto files of mesos_compat into mesos.binpb, and their stubs for type checkers.
# With a directory as argument the results go there instead, for comparison.
set -euo pipefail
out=${1:-.}
mkdir -p "$out/mesos_compat/wire"
exec .venv/bin/python -m grpc_tools.protoc -I. \
    --descriptor_set_out="$out/mesos_compat/wire/mesos.binpb" --pyi_out="$out" \
    mesos_compat/wire/v1/*.proto mesos_compat/wire/link.proto
