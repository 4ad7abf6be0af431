"""Archives of strangers: what is in them comes out, and nothing of it lands elsewhere."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from mesos_compat.containers.archives import ArchiveError, extract, is_archive


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size, made.mode = kind, target, len(content), 0o4755
    return made, content


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    return buffer


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    made = tmp_path / "inside"
    made.mkdir()
    return made


def test_files_directories_and_links_come_out(inside: Path) -> None:
    archive = tar(
        member("./", tarfile.DIRTYPE),
        member("d/", tarfile.DIRTYPE),
        member("d/f", content=b"content"),
        member("hard", tarfile.LNKTYPE, "d/f"),
        member("soft", tarfile.SYMTYPE, "d/f"),
        member("d/up", tarfile.SYMTYPE, "../d"),
    )
    extract(archive, "a.tar", str(inside))
    assert (inside / "d" / "f").read_bytes() == b"content"
    assert (inside / "hard").samefile(inside / "d" / "f")
    assert (inside / "soft").is_symlink()
    assert (inside / "d" / "up" / "f").read_bytes() == b"content"


def test_a_program_does_not_come_out_with_the_rights_of_its_owner(inside: Path) -> None:
    extract(tar(member("f", content=b"x")), "a.tar", str(inside))
    assert stat.S_IMODE((inside / "f").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "members",
    [
        [member("../owned", content=b"x")],
        [member("/owned", content=b"x")],
        [member("d/../../owned", content=b"x")],
        [member("l", tarfile.SYMTYPE, "../owned")],
        [member("l", tarfile.SYMTYPE, "/etc/passwd")],
        # Each of the links is harmless alone.
        [member("a/b/c", content=b""), member("s", tarfile.SYMTYPE, "a/b"),
         member("t", tarfile.SYMTYPE, "s/../../..")],
        # Through a link that is only made afterwards.
        [member("l", tarfile.SYMTYPE, ".."), member("l/owned", content=b"x")],
        [member("hard", tarfile.LNKTYPE, "../owned")],
        [member("l", tarfile.SYMTYPE, "f"), member("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("device", tarfile.BLKTYPE)],
    ],
)  # fmt: skip
def test_what_leads_out_or_is_no_file_is_refused(
    inside: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises((ArchiveError, FileExistsError)):
        extract(tar(*members), "a.tar", str(inside))
    assert [one.name for one in inside.parent.iterdir()] == ["inside"]
    assert not any(
        one.is_symlink() and not one.resolve().is_relative_to(inside) for one in inside.rglob("*")
    )


def test_a_link_that_an_earlier_archive_made_is_not_written_through(inside: Path) -> None:
    outside = inside.parent / "outside"
    outside.write_text("untouched")
    (inside / "f").symlink_to(outside)
    (inside / "d").symlink_to(inside.parent)
    extract(tar(member("f", content=b"x")), "a.tar", str(inside))
    assert outside.read_text() == "untouched"
    assert (inside / "f").read_text() == "x"
    with pytest.raises(ArchiveError, match="leads out"):
        extract(tar(member("d/outside", content=b"x")), "a.tar", str(inside))
    assert outside.read_text() == "untouched"


def zipped(name: str, mode: int, content: bytes) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    buffer.seek(0)
    return buffer


def test_permissions_and_links_of_a_zip_come_out(inside: Path) -> None:
    extract(zipped("bin/run", stat.S_IFREG | 0o755, b"x"), "a.zip", str(inside))
    extract(zipped("link", stat.S_IFLNK | 0o777, b"bin/run"), "a.zip", str(inside))
    assert stat.S_IMODE((inside / "link").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("name", "mode", "content"),
    [
        ("../owned", stat.S_IFREG | 0o644, b"x"),
        ("/owned", stat.S_IFREG | 0o644, b"x"),
        ("link", stat.S_IFLNK | 0o777, b"../owned"),
        ("pipe", stat.S_IFIFO | 0o644, b""),
    ],
)
def test_a_zip_that_leads_out_is_refused(
    inside: Path, name: str, mode: int, content: bytes
) -> None:
    with pytest.raises(ArchiveError):
        extract(zipped(name, mode, content), "a.zip", str(inside))
    assert [one.name for one in inside.parent.iterdir()] == ["inside"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz", "a.zip", "a.gz"])
def test_damaged_archives_are_refused(inside: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="Failed to extract"):
        extract(io.BytesIO(b"\x1f\x8b nothing of the kind"), name, str(inside))


def test_archives_are_told_by_their_names() -> None:
    names = ["a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tbz2", "a.tar.xz", "a.txz", "a.zip"]
    assert all(is_archive(name) for name in [*names, "a.gz"])
    assert not any(is_archive(name) for name in ["tar", "a.jar", "a.rar", "zip", "a.tar.gz.txt"])
