"""What is compiled from the ``.proto`` files is what they say now."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "conformance" / "setup" / "protos.sh"
WIRE = ROOT / "mesos_compat" / "wire"


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
    assert [
        name for name in made if (tmp_path / name).read_bytes() != (ROOT / name).read_bytes()
    ] == []
