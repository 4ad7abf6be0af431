"""Importing into our format and exporting from it, on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apache.test_loading import creations
from tests.apache.written import directory, log_bytes, node, snapshot_bytes
from zkserver.apache.checking import check_apache
from zkserver.apache.directory import ApacheDataError
from zkserver.apache.exporting import export_data
from zkserver.apache.importing import import_data, take_over
from zkserver.apache.loading import load
from zkserver.cli import main
from zkserver.replica.apache_passwords import apache_password
from zkserver.storage import OsDisk

SESSION = 0x1000A5B3C2D0001


def some_data(place: Path) -> str:
    owned = node("/mine", b"m", owner=SESSION, zxid=2)
    snapshot = snapshot_bytes([owned], [(SESSION, 30_000)])
    return directory(place, {2: snapshot}, {3: log_bytes(creations(3, 3))})


def start(place: str) -> object:
    both = place, place
    return take_over(OsDisk(), *both, trust_empty=False, extended_types=True)


def test_what_was_imported_is_exported_again(tmp_path: Path) -> None:
    source, ours, back = some_data(tmp_path / "a"), str(tmp_path / "o"), str(tmp_path / "b")
    before = load(source, source).tree
    made = import_data(
        OsDisk(), (source, source), (ours, ours), trust_empty=False, extended_types=True
    )
    assert (made.znodes, made.sessions, made.transactions, made.zxid) == (8, 1, 3, 5)
    exported = export_data(OsDisk(), (ours, ours), back, myid=3)
    assert (exported.znodes, exported.sessions, exported.foreign_sessions) == (8, 1, 0)
    after = load(back, back).tree
    assert after.sessions == before.sessions
    for path, one in before.nodes.items():
        other = after.nodes[path]
        assert (one.data, one.acl, one.stat) == (other.data, other.acl, other.stat), path
    assert after.nodes.keys() == before.nodes.keys()
    assert (tmp_path / "b" / "myid").read_text() == "3\n"


def test_equal_data_have_equal_names_and_others_have_not(tmp_path: Path) -> None:
    names = []
    for number, count in enumerate((3, 3, 4)):
        place = directory(
            tmp_path / str(number), {2: snapshot_bytes()}, {3: log_bytes(creations(3, count))}
        )
        both = place, place
        made = import_data(OsDisk(), both, both, trust_empty=False, extended_types=True)
        names.append(made.name)
    assert names[0] == names[1] != names[2]


def test_second_start_imports_nothing_and_notices_that_apache_went_on(tmp_path: Path) -> None:
    place = some_data(tmp_path)
    assert start(place) is not None
    assert start(place) is None
    directory(tmp_path, logs={6: log_bytes(creations(6, 1))})
    with pytest.raises(ApacheDataError, match="Apache's server has been at work there since"):
        start(place)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    place = some_data(tmp_path)
    both = place, place
    start(place)
    with pytest.raises(ApacheDataError, match="holds data of zkserver already"):
        import_data(OsDisk(), both, both, trust_empty=False, extended_types=True)
    with pytest.raises(ApacheDataError, match="holds data of Apache ZooKeeper; export into"):
        export_data(OsDisk(), both, place)
    with pytest.raises(ApacheDataError, match="holds no data of zkserver"):
        export_data(OsDisk(), (str(tmp_path / "none"),) * 2, str(tmp_path / "x"))


def test_check_tells_what_each_file_holds_and_what_is_wrong(tmp_path: Path) -> None:
    place = some_data(tmp_path)
    report = check_apache(place, place)
    assert report.can_start
    assert report.problems == ()
    assert [(file.kind, file.items, file.unit) for file in report.files] == [
        ("snapshot", 4, "znodes"),
        ("log", 3, "transactions"),
    ]
    log = tmp_path / "version-2" / "log.3"
    content = bytearray(log.read_bytes())
    content[content.index(b"/n4")] ^= 1
    log.write_bytes(content)
    report = check_apache(place, place)
    assert not report.can_start
    (problem,) = report.problems
    assert "log.3, offset" in problem


def test_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, ours, back = some_data(tmp_path / "a"), tmp_path / "o", tmp_path / "b"
    assert main(["import", source, "--data-dir", str(ours)]) == 0
    assert "imported 8 znodes and 1 sessions at zxid 0x5" in capsys.readouterr().out
    assert main(["import", source, "--data-dir", str(ours)]) == 1
    assert "holds data of zkserver already" in capsys.readouterr().err
    assert main(["export", str(back), "--data-dir", str(ours)]) == 0
    assert "wrote 8 znodes and 1 sessions at zxid 0x5" in capsys.readouterr().out
    assert main(["check", str(back)]) == 0
    capsys.readouterr()
    assert main(["import", str(tmp_path / "none"), "--data-dir", str(ours)]) == 2
    assert "is not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("session_id", "password"),
    [
        # Given by Apache's server 3.8.
        (0x1000040F7780000, "fa54925ffffbb31868311e52e0c1c068"),
        (0x1000040F7780002, "d4129e5fbf64f58e7eab4ffb39b097ce"),
    ],
)
def test_password_is_the_one_that_apache_computes(session_id: int, password: str) -> None:
    assert apache_password(session_id).hex() == password
