"""Sandboxes are made for their users, and looking into one does not lead out of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mesos_compat.containers.sandbox import (
    OutsideError,
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
