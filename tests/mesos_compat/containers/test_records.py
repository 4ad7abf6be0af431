"""What is written down of a container is read again as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.records import (
    Record,
    Remains,
    decode_record,
    encode_record,
    read_record,
    read_remains,
    recorded,
    runtime_path,
    write_record,
)
from mesos_compat.containers.spec import (
    ContainerKind,
    ContainerSpec,
    container_id_message,
    container_id_of,
    container_id_text,
)
from mesos_compat.containers.users import Identity
from mesos_compat.wire.v1 import mesos_pb2
from tests.mesos_compat.containers.bench import resources


def record() -> Record:
    container = mesos_pb2.ContainerInfo(type=mesos_pb2.ContainerInfo.MESOS)
    container.tty_info.SetInParent()
    environment = {"A": "b", "not-utf8": "\udcff"}
    spec = ContainerSpec(
        container_id=("root", "nested"),
        command=mesos_pb2.CommandInfo(value="true", arguments=["a"]),
        sandbox="/sandbox",
        environment=environment,
        container=container,
        resources=resources(cpus=0.1, mem=32),
        limits={"cpus": float("inf"), "mem": 64.0},
        user="nobody",
        checkpoint=True,
        kind=ContainerKind.DEBUG,
    )
    identity = Identity("nobody", 65534, 65534, (65534, 7))
    return Record(spec, "boot", bounded=True, identity=identity, environment=environment)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    runtime = runtime_path(str(tmp_path), ("root", "nested"))
    write_record(runtime, record())
    assert read_record(runtime) == record()
    assert runtime == tmp_path / "containers" / "root" / "containers" / "nested"
    assert (runtime / "config").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"container_id": 1}'])
def test_what_is_no_record_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_record(content)
    (tmp_path / "config").write_bytes(content)
    assert read_record(tmp_path) is None


def test_a_record_with_an_unknown_kind_is_refused() -> None:
    value = json.loads(encode_record(record())) | {"kind": "other"}
    with pytest.raises(ValueError, match="other"):
        decode_record(json.dumps(value).encode())


def test_what_a_supervisor_has_written_by_now_is_read(tmp_path: Path) -> None:
    assert read_remains(tmp_path) == Remains(None, None, None, None)
    (tmp_path / "pid").write_text("10 1234\n")
    (tmp_path / "forked.pid").write_text("11 12\n")
    assert read_remains(tmp_path) == Remains(ProcessRef(10, 1234), 11, 12, None)
    (tmp_path / "status").write_text("256")
    assert read_remains(tmp_path).status == 256
    (tmp_path / "pid").write_text("10")
    assert read_remains(tmp_path).supervisor is None


def test_recorded_containers_are_listed_parents_first(tmp_path: Path) -> None:
    for container_id in (("b",), ("a", "y"), ("a", "x", "deep")):
        runtime_path(str(tmp_path), container_id).mkdir(parents=True)
    assert list(recorded(str(tmp_path))) == [
        ("a",),
        ("a", "x"),
        ("a", "x", "deep"),
        ("a", "y"),
        ("b",),
    ]
    assert list(recorded(str(tmp_path / "missing"))) == []


def test_an_id_is_a_path_from_the_root_container() -> None:
    message = mesos_pb2.ContainerID(value="leaf", parent=mesos_pb2.ContainerID(value="root"))
    assert container_id_of(message) == ("root", "leaf")
    assert container_id_message(("root", "leaf")) == message
    assert container_id_text(("root", "leaf")) == "root.leaf"
