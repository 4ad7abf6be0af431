"""Sandboxes are made for their users, and looking into one does not lead out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mesos_compat.containers.sandbox import (
    OutsideError,
    SandboxFiles,
    append_to_stderr,
    create_sandbox,
    open_directory_below,
)
from mesos_compat.containers.users import identity_of
from tests.mesos_compat.containers.bench import needs_root


def test_a_sandbox_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "a" / "runs" / "c"
    create_sandbox(str(path), None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert (path.parent / "latest").readlink() == path


def test_a_sandbox_that_is_no_run_has_no_latest_link(tmp_path: Path) -> None:
    create_sandbox(str(tmp_path / "sandboxes" / "c"), None)
    assert [one.name for one in (tmp_path / "sandboxes").iterdir()] == ["c"]


@needs_root
def test_a_sandbox_belongs_to_its_user_and_what_is_above_does_not(tmp_path: Path) -> None:
    nobody = identity_of("nobody", True)
    create_sandbox(str(tmp_path / "a" / "c"), nobody)
    create_sandbox(str(tmp_path / "a" / "c" / "containers" / "n"), nobody, str(tmp_path / "a/c"))
    owners = {name: (tmp_path / name).owner() for name in ("a", "a/c", "a/c/containers/n")}
    assert owners == {"a": "root", "a/c": "nobody", "a/c/containers/n": "nobody"}


def test_a_nested_sandbox_is_not_made_through_a_link(tmp_path: Path) -> None:
    parent, outside = tmp_path / "parent", tmp_path / "outside"
    parent.mkdir()
    outside.mkdir()
    (parent / "containers").symlink_to(outside)
    with pytest.raises(OSError):
        create_sandbox(str(parent / "containers" / "n"), None, str(parent))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("relative", ["..", "a/../..", "../inside/a"])
def test_no_directory_is_opened_above(tmp_path: Path, relative: str) -> None:
    with pytest.raises(OutsideError):
        open_directory_below(str(tmp_path), relative, make=True)


def test_what_is_told_is_not_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    append_to_stderr(str(sandbox), "a line", None)
    assert (sandbox / "stderr").read_text() == "a line\n"
    (sandbox / "stderr").unlink()
    (sandbox / "stderr").symlink_to(outside)
    append_to_stderr(str(sandbox), "another", None)
    assert outside.read_text() == "untouched"


@pytest.fixture
def files(tmp_path: Path) -> SandboxFiles:
    sandbox = tmp_path / "sandbox"
    (sandbox / "d").mkdir(parents=True)
    (sandbox / "d" / "f").write_text("content")
    (sandbox / "inner").symlink_to("d/f")
    (sandbox / "outer").symlink_to(tmp_path / "secret")
    (sandbox / "above").symlink_to("..")
    (tmp_path / "secret").write_text("secret")
    os.mkfifo(sandbox / "pipe")
    made = SandboxFiles()
    made.attach(str(sandbox), "/frameworks/fw/executors/ex/runs/latest")
    made.attach(str(sandbox / "d"), "/frameworks/fw/executors/ex/runs/latest/tasks")
    return made


RUN = "/frameworks/fw/executors/ex/runs/latest"


def read(files: SandboxFiles, virtual: str) -> str:
    with os.fdopen(files.open(virtual)) as opened:
        return opened.read()


@pytest.mark.parametrize("path", [f"{RUN}/d/f", f"{RUN}/inner", f"{RUN}//d/./f", f"{RUN}/tasks/f"])
def test_a_file_is_found_by_the_longest_attached_path(files: SandboxFiles, path: str) -> None:
    assert read(files, path) == "content"


@pytest.mark.parametrize(
    "path", [f"{RUN}/outer", f"{RUN}/above/secret", f"{RUN}/../secret", f"{RUN}/d/../../secret"]
)
def test_a_path_that_leads_out_is_refused(files: SandboxFiles, path: str) -> None:
    with pytest.raises(OutsideError):
        files.open(path)


def test_a_pipe_is_refused_and_blocks_nobody(files: SandboxFiles) -> None:
    with pytest.raises(OutsideError, match="neither a file nor a directory"):
        files.open(f"{RUN}/pipe")


@pytest.mark.parametrize("path", ["/", "", "/frameworks", f"{RUN}x", f"{RUN}/missing"])
def test_what_is_not_attached_is_not_found(files: SandboxFiles, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        files.open(path)


def test_a_listing_is_sorted_and_names_virtual_paths(files: SandboxFiles) -> None:
    found = files.browse(f"{RUN}/")
    assert [entry.path for entry in found] == [
        f"{RUN}/{name}" for name in ("above", "d", "inner", "outer", "pipe")
    ]
    assert [entry.size for entry in found if entry.path.endswith("inner")] == [7]


def test_a_detached_path_is_not_found(files: SandboxFiles) -> None:
    files.detach(RUN)
    files.detach(f"{RUN}/tasks")
    assert files.attached() == {}
    with pytest.raises(FileNotFoundError):
        files.open(f"{RUN}/d/f")
