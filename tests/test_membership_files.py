"""Server lines in zoo.cfg and in dynamic files, and the files that a reconfig leaves.

What Apache ZooKeeper 3.8.0 writes and refuses was seen by running it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zkserver.config import ConfigError, load_config
from zkserver.membership_files import store_membership, take_membership
from zkserver.properties import parse_properties
from zkserver.replica.membership import Membership

LINES = (
    "server.1=127.0.0.1:2101:2102:participant\n"
    "server.2=127.0.0.1:2201:2202:participant\n"
    "server.3=127.0.0.1:2301:2302:observer"
)
STATIC = """\
# The ensemble of the kitchen.
dataDir=@

tickTime = 500
initLimit=20
syncLimit=10
reconfigEnabled=true
clientPort=2181
peerType=participant
4lw.commands.whitelist=srvr, \\
   server.5=no, \\
   ruok
server.1=127.0.0.1:2101:2102:\\
    participant
server.2=127.0.0.1:2201:2202
server.3=127.0.0.1:2301:2302:observer
# The end."""


def members(version: int, lines: str = LINES) -> Membership:
    return Membership.parse(f"{lines}\nversion={version:x}".encode())


@pytest.fixture
def static(tmp_path: Path) -> Path:
    path = tmp_path / "zoo.cfg"
    path.write_text(STATIC.replace("@", str(tmp_path)))
    (tmp_path / "myid").write_text("1\n")
    return path


def taken(settings: dict[str, str]) -> Membership:
    problems: list[str] = []
    membership = take_membership(settings, problems)
    assert problems == []
    assert membership is not None
    return membership


def refused(settings: dict[str, str]) -> list[str]:
    problems: list[str] = []
    assert take_membership(settings, problems) is None
    return problems


def test_the_lines_are_taken_out_of_the_settings() -> None:
    settings = {"server.2": "b:1:2", "tickTime": "5", "server.1": "a:1:2;3"}
    membership = taken(settings)
    assert settings == {"tickTime": "5"}
    assert membership.text() == (
        b"server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant\nversion=0"
    )


def test_no_lines_are_no_membership() -> None:
    problems: list[str] = []
    assert take_membership({"tickTime": "5"}, problems) is None
    assert problems == []


@pytest.mark.parametrize(
    ("name", "inside", "version"),
    [
        ("dynamic", "", 0),
        ("zoo.cfg.dynamic", "", 0),
        ("zoo.cfg.dynamic.100000007", "", 0x1_0000_0007),
        ("zoo.cfg.dynamic.0", "", 0),
        # Apache refuses a version that stands in the file.
        ("zoo.cfg.dynamic", "version=1f", 0x1F),
        ("zoo.cfg.dynamic.1f", "version=1f", 0x1F),
    ],
)
def test_a_dynamic_file_has_its_version_in_its_name(
    tmp_path: Path, name: str, inside: str, version: int
) -> None:
    path = tmp_path / name
    path.write_text(f"zookeeper.{LINES}\n{inside}\n")
    membership = taken({"dynamicConfigFile": str(path)})
    assert membership == members(version)


def test_a_name_without_a_dot_is_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cafe").write_text(LINES)
    assert taken({"dynamicConfigFile": "cafe"}).version == 0


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("server.1=a:1\nserver.2=b:1:2", ["server.1=a:1: must be HOST:PORT"]),
        ("server.1=a:1\nserver.x=b:1:2", ["server.1=a:1: must", "server.x=b:1:2: server id 'x'"]),
        ("server.1=a:1:2\nserver.01=b:1:2", ["server.01=b:1:2: server 1 has two lines"]),
        ("server.1=a:1:2\ntickTime=5", ["tickTime=5: does not belong"]),
        ("server.1=a:1:2\ngroup.1=1", ["group.1=1: groups and weights are not available"]),
        ("server.1=a:1:2\nversion=z", ["dynamic: version 'z': must be a hexadecimal zxid"]),
        ("server.1=a:1:2\\u12", ["four hexadecimal digits"]),
        ("server.1=a:1:2:observer", ["observers need at least two participants"]),
        ("server.1=a:1:2\nserver.2=b:1:2:observer", ["observers need at least two"]),
    ],
)
def test_mistakes_in_a_dynamic_file_are_told(
    tmp_path: Path, content: str, expected: list[str]
) -> None:
    path = tmp_path / "dynamic"
    path.write_text(content)
    problems = refused({"dynamicConfigFile": str(path)})
    assert len(problems) == len(expected)
    assert all(want in told for want, told in zip(expected, problems, strict=True))


def test_a_version_inside_may_not_contradict_the_name(tmp_path: Path) -> None:
    path = tmp_path / "dynamic.5"
    path.write_text(LINES + "\nversion=6")
    (problem,) = refused({"dynamicConfigFile": str(path)})
    assert "contradicts the name" in problem


def test_without_standalone_somebody_must_vote() -> None:
    for lines in ({}, {"server.1": "a:1:2:observer"}):
        (problem,) = refused({"standaloneEnabled": "false", **lines})
        assert "at least one participant" in problem
    one = {"standaloneEnabled": "FALSE", "server.1": "a:1:2", "server.2": "b:1:2:observer"}
    assert taken(one).observers == (2,)


def test_a_reconfig_leaves_the_files_that_apache_leaves(static: Path) -> None:
    assert store_membership(str(static), members(0x1_0000_0005), 1)
    dynamic = static.with_name("zoo.cfg.dynamic.100000005")
    # Without a version in it, and without an end of the last line.
    assert dynamic.read_text() == LINES
    assert static.with_name("zoo.cfg.bak").read_text() == STATIC.replace("@", str(static.parent))
    assert static.read_text() == (
        f"# The ensemble of the kitchen.\ndataDir={static.parent}\n\ntickTime = 500\n"
        "initLimit=20\nsyncLimit=10\nreconfigEnabled=true\nclientPort=2181\n"
        "4lw.commands.whitelist=srvr, \\\n   server.5=no, \\\n   ruok\n"
        f"# The end.\ndynamicConfigFile={dynamic}\n"
    )
    left = {path.name for path in static.parent.iterdir()}
    assert left == {"zoo.cfg", "zoo.cfg.bak", "zoo.cfg.dynamic.100000005", "myid"}


def test_the_next_start_finds_what_was_stored(static: Path) -> None:
    before = load_config(str(static), {}).config
    assert before.membership == members(0)
    assert before.static_config_file == str(static)
    changed = members(0x1_0000_0005, LINES.replace("2301", "2401") + ";0.0.0.0:2181")
    assert store_membership(before.static_config_file, changed, before.server_id)
    after = load_config(str(static), {}).config
    assert after.membership == changed
    assert after.dynamic_config_file == f"{static}.dynamic.100000005"
    assert (after.client_port, after.four_letter_words) == (2181, before.four_letter_words)


def test_storing_again_moves_the_pointer_and_keeps_the_first_file(static: Path) -> None:
    store_membership(str(static), members(5), 1)
    backup = static.with_name("zoo.cfg.bak").read_bytes()
    assert store_membership(str(static), members(6), 1)
    assert static.read_text().count("dynamicConfigFile=") == 1
    assert static.read_text().endswith(f"dynamicConfigFile={static}.dynamic.6\n")
    assert static.with_name("zoo.cfg.bak").read_bytes() == backup
    assert static.with_name("zoo.cfg.dynamic.5").exists()


def test_what_is_stored_already_is_not_written_again(static: Path) -> None:
    assert store_membership(str(static), members(5), 1)
    inode = static.stat().st_ino
    assert not store_membership(str(static), members(5), 1)
    assert static.stat().st_ino == inode
    dynamic = static.with_name("zoo.cfg.dynamic.5")
    dynamic.write_text("overwritten")
    assert store_membership(str(static), members(5), 1)
    assert dynamic.read_text() == LINES
    dynamic.unlink()
    assert store_membership(str(static), members(5), 1)
    assert dynamic.read_text() == LINES


@pytest.mark.parametrize(("server_id", "stays"), [(1, False), (2, True), (9, True)])
def test_the_client_port_moves_where_the_membership_has_it(
    static: Path, server_id: int, stays: bool
) -> None:
    static.write_text(static.read_text() + "\nclientPortAddress=0.0.0.0\nclientPortListenBacklog=9")
    lines = LINES.replace("2102:participant", "2102:participant;0.0.0.0:2181")
    store_membership(str(static), members(5, lines), server_id)
    kept = parse_properties(static.read_bytes())
    assert ("clientPort" in kept) == ("clientPortAddress" in kept) == stays
    assert kept["clientPortListenBacklog"] == "9"


def test_permissions_stay_and_a_link_stays_a_link(static: Path, tmp_path: Path) -> None:
    # It may hold the digest of the super user, and so may the copy.
    static.chmod(0o600)
    link = tmp_path / "link.cfg"
    link.symlink_to(static)
    store_membership(str(link), members(5), 1)
    assert link.is_symlink()
    for path in (static, tmp_path / "link.cfg.bak", tmp_path / "link.cfg.dynamic.5"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert parse_properties(static.read_bytes())["dynamicConfigFile"] == f"{link}.dynamic.5"


@pytest.mark.parametrize("name", ["plain", "with blank", "ümlaut", "back\\slash", "🦕"])
def test_any_directory_can_be_pointed_to(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    static = folder / "zoo.cfg"
    static.write_bytes(b"tickTime=5\r\nserver.1=a:1:2\r\n#\xff\r\n")
    store_membership(str(static), members(5), 1)
    settings = parse_properties(static.read_bytes().replace(b"#\xff\r\n", b""))
    assert settings["dynamicConfigFile"] == f"{static}.dynamic.5"
    assert static.read_bytes().startswith(b"tickTime=5\r\n#\xff\r\n")


@pytest.mark.parametrize("end", [b"a=b", b"a=b\n", b"a=b\\", b"a=b\\\n", b"a=b\\\\", b"# c\\"])
def test_the_pointer_is_a_line_of_its_own(tmp_path: Path, end: bytes) -> None:
    static = tmp_path / "zoo.cfg"
    static.write_bytes(b"server.1=a:1:2\n" + end)
    before = parse_properties(end)
    store_membership(str(static), members(5), 1)
    assert parse_properties(static.read_bytes()) == {
        **before,
        "dynamicConfigFile": f"{static}.dynamic.5",
    }


def test_a_line_that_cannot_be_read_stays(static: Path) -> None:
    static.write_bytes(b"a=\\u12\nserver.1=a:1:2")
    store_membership(str(static), members(5), 1)
    assert static.read_text() == f"a=\\u12\ndynamicConfigFile={static}.dynamic.5\n"


def test_a_relative_path_is_pointed_to_from_anywhere(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(static.parent)
    store_membership("zoo.cfg", members(5), 1)
    assert parse_properties(static.read_bytes())["dynamicConfigFile"] == f"{static}.dynamic.5"


def test_a_disk_that_fails_leaves_the_files_as_they_were(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = static.read_bytes()

    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        store_membership(str(static), members(5), 1)
    assert static.read_bytes() == before
    assert {path.name for path in static.parent.iterdir()} == {"zoo.cfg", "myid"}


def test_what_went_wrong_is_told_though_cleaning_up_goes_wrong_too(static: Path) -> None:
    static.with_name("zoo.cfg.bak.tmp").mkdir()
    with pytest.raises(IsADirectoryError):
        store_membership(str(static), members(5), 1)


def test_a_file_that_is_flushed_is_renamed_and_then_its_directory_is_flushed(
    static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flushed(fd: int) -> None:
        steps.append("flush " + Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    def renamed(source: str, target: str) -> None:
        steps.append("rename " + Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    store_membership(str(static), members(5), 1)
    names = ["zoo.cfg.bak", "zoo.cfg.dynamic.5", "zoo.cfg"]
    folder = static.parent.name
    assert steps == [
        step
        for name in names
        for step in (f"flush {name}.tmp", f"rename {name}", f"flush {folder}")
    ]


def test_members_from_the_command_line_are_not_stored_anywhere(static: Path) -> None:
    given = {"server.1": "127.0.0.1:1:2"}
    assert load_config(str(static), given).config.static_config_file is None
    assert load_config(None, {"dataDir": str(static.parent)}).config.static_config_file is None
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(str(static), {"dynamicConfigFile": "/nonexistent/file"})
