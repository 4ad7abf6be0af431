"""What is compiled from the ``.proto`` files is what they say now."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "conformance" / "setup" / "protos.sh"
WIRE = ROOT / "mesos_compat" / "wire"


def said(path: Path) -> object:
    """What a compiled file tells, whichever version of the compiler wrote it."""
    if path.suffix == ".binpb":
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    tree = ast.parse(path.read_text())
    return {f"{holder}.{name}" for holder, name in names(tree, path.stem)}


def names(node: ast.Module | ast.ClassDef, holder: str) -> Iterator[tuple[str, str]]:
    """The messages, enums, values and fields of a stub, each with what it is in."""
    for part in node.body:
        if isinstance(part, ast.ClassDef):
            yield holder, part.name
            yield from names(part, f"{holder}.{part.name}")
        elif isinstance(part, ast.AnnAssign):
            yield holder, ast.unparse(part.target)


@pytest.mark.skipif(
    importlib.util.find_spec("grpc_tools") is None, reason="grpc_tools is not installed"
)
@pytest.mark.skipif(
    not (ROOT / ".venv" / "bin" / "python").exists(), reason="there is no .venv to compile with"
)
def test_compiling_the_messages_again_gives_what_is_there(tmp_path: Path) -> None:
    subprocess.run(["bash", SCRIPT, tmp_path], cwd=ROOT, check=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    stubs = {path.relative_to(ROOT) for path in WIRE.rglob("*_pb2.pyi")}
    assert set(made) == {*stubs, (WIRE / "mesos.binpb").relative_to(ROOT)}
    for name in made:
        assert said(tmp_path / name) == said(ROOT / name), name
