"""Three members: Apache's ensemble becomes ours, one of them too old, and Apache's again."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from conformance.ensembles import ApacheEnsemble, Ensemble, OurEnsemble
from conformance.migration.journey import SETTINGS, export
from conformance.migration.load import Left, run_load
from conformance.migration.session import Session
from conformance.migration.view import View, differences, view_of, without

#: Each member of Apache's writes it anew at its start, with the time.
_LOCAL: Final = ("/zookeeper/config",)
_MEMBERS: Final = 3
#: What the export tells of how far a server has come: its zxid, and the ballot.
_REACHED: Final = re.compile(r"at zxid (0x[0-9a-f]+), accepted in ballot (\d+)\.(\d+)")


def move_ensemble() -> list[str]:
    """Make the move on the same ports and directories; what did not come out as it should.

    One member of Apache's is down while the others go on: what it has counts for nothing on ours.
    """
    with tempfile.TemporaryDirectory(prefix="members-") as directory:
        apache = ApacheEnsemble(_MEMBERS, settings=SETTINGS, data_dir=Path(directory) / "apache")
        ours = OurEnsemble(_MEMBERS, settings=SETTINGS, data_dir=apache.data_dir)
        ours.places = apache.places
        back = ApacheEnsemble(_MEMBERS, settings=SETTINGS, data_dir=Path(directory) / "back")
        back.places = apache.places
        with apache:
            left = [run_load(apache.ports[0], "/m0", 1)]
            apache.wait_serving()
            apache.member(1).stop()
            apache.wait_leader()
            left.append(run_load(apache.ports[1], "/m1", 2))
            before = view_of(apache.ports[1])
        told = _on_ours(ours, before, left)
        with ours:
            left.append(run_load(ours.ports[0], "/m2", 3))
            before = view_of(ours.ports[0])
        _export(ours, back)
        with back:
            return told + _compare("back", back, before, left)


def _on_ours(ours: OurEnsemble, before: View, left: list[Left]) -> list[str]:
    """Start ours, with the old member's data first, then with none."""
    try:
        ours.launch()
        ours.wait_serving([ours.member(2), ours.member(3)])
        told = _compare("ours", ours, before, left, members=(2, 3))
        if "another ensemble" not in ours.member(1).log_path.read_text():
            told.append("ours: the old member was not refused")
        ours.member(1).stop()
        for name in ("version-2", "mesozoic-1"):
            shutil.rmtree(ours.member(1).data_dir / "data" / name)
        ours.member(1).restart()
        ours.wait_serving()
        return told + _compare("ours, member 1", ours, before, left, members=(1,))
    finally:
        ours.stop()


def _export(ours: OurEnsemble, back: Ensemble) -> None:
    """Give the state of the server that has come furthest to every member of Apache's."""
    furthest: tuple[tuple[int, ...], Path] | None = None
    for member in ours.members:
        target = member.data_dir / "exported"
        found = _REACHED.search(export(member.data_dir / "data", target))
        assert found is not None
        reached = (int(found[2]), int(found[3]), int(found[1], 16))
        if furthest is None or reached > furthest[0]:
            furthest = reached, target
    assert furthest is not None
    for member in back.prepare():
        shutil.copytree(furthest[1], member.data_dir / "data")


def _compare(
    station: str,
    ensemble: Ensemble,
    before: View,
    left: list[Left],
    members: tuple[int, ...] = (1, 2, 3),
) -> list[str]:
    """What any of the members shows otherwise, and sessions that cannot be resumed."""
    told = []
    for number in members:
        port = ensemble.member(number).port
        for one in left:
            try:
                Session(port, (one.id, one.password)).drop()
            except ConnectionError as error:
                told.append(f"session {one.id:#x}: {error}")
        told += differences(without(before, _LOCAL), without(view_of(port), _LOCAL))
    return [f"{station}: {line}" for line in told]
