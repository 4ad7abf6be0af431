"""What is attached can be looked at, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesos_compat.http.files import Attached, Hidden, list_directory, read_part


@pytest.fixture
def attached(tmp_path: Path) -> Attached:
    sandbox = tmp_path / "sandbox"
    (sandbox / "sub").mkdir(parents=True)
    (sandbox / "stdout").write_text("hello")
    (sandbox / "sub" / "x").write_text("deep")
    (tmp_path / "secret").write_text("secret")
    (sandbox / "out").symlink_to(tmp_path / "secret")
    (sandbox / "up").symlink_to(tmp_path)
    (sandbox / "in").symlink_to("sub/x")
    made = Attached()
    made.attach("/sandbox/a", sandbox)
    made.attach("/private", sandbox, lambda principal: principal == "me")
    return made


def test_files_below_an_attached_path_are_found(attached: Attached, tmp_path: Path) -> None:
    found = attached.resolve("/sandbox/a/stdout", None)
    assert found == tmp_path / "sandbox" / "stdout"
    assert attached.resolve("sandbox//a/sub/x/", None) == tmp_path / "sandbox" / "sub" / "x"
    assert attached.resolve("/sandbox/a", None) == tmp_path / "sandbox"
    assert attached.resolve("/sandbox/a/in", None) == tmp_path / "sandbox" / "sub" / "x"


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/a/../../secret",
        "/sandbox/a/out",
        "/sandbox/a/up/secret",
        "/sandbox/a/sub/../../secret",
        "/sandbox/ab",
        "/sandbox",
        "/etc/passwd",
        "/sandbox/a//etc/passwd",
        "/sandbox/a/x\0y",
        "/sandbox/a/nothing",
        "",
    ],
)
def test_nothing_else_is_found(attached: Attached, path: str) -> None:
    assert attached.resolve(path, "me") is Hidden.MISSING


def test_permission_is_asked_for(attached: Attached) -> None:
    assert attached.resolve("/private/stdout", "you") is Hidden.FORBIDDEN
    assert isinstance(attached.resolve("/private/stdout", "me"), Path)


def test_detached_paths_are_gone(attached: Attached) -> None:
    attached.detach("/sandbox/a/")
    assert attached.resolve("/sandbox/a/stdout", None) is Hidden.MISSING
    assert list(attached.all()) == ["/private"]


def test_directories_are_listed_as_mesos_lists_them(attached: Attached, tmp_path: Path) -> None:
    del attached
    path = tmp_path / "sandbox"
    listed = list_directory("/v", path)
    assert [one.path for one in listed] == [
        f"/v/{name}" for name in sorted(p.name for p in path.iterdir())
    ]
    stdout = next(one for one in listed if one.path == "/v/stdout").value()
    assert stdout["mode"] == "-rw-r--r--"
    assert stdout["size"] == 5
    assert isinstance(stdout["mtime"], float)
    assert list_directory("/v", path / "stdout") == []


def test_parts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(range(200)))
    assert read_part(path, 10, 5, 100) == bytes(range(10, 15))
    assert len(read_part(path, 0, None, 100)) == 100
    assert read_part(path, 500, 5, 100) == b""
