"""What the members of an ensemble say of themselves: Apache's servers and ours, word by word."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from conformance.ensembles import ApacheEnsemble, Ensemble, OurEnsemble
from conformance.servers import ServerUnavailable, four_letter_word

pytestmark = pytest.mark.real

WORDS = ("conf", "srvr", "mntr", "isro", "dump")
#: Role -> word -> answer.
Told = dict[str, dict[str, str]]


def asked(ensemble: Ensemble) -> Told:
    """The answers of one member of each role."""
    try:
        with ensemble:
            return {
                member.mode(): {word: four_letter_word(member.port, word) for word in WORDS}
                for member in ensemble.members
            }
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error} (must be there in CI)")
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Told, Told]]:
    settings = {"4lw.commands.whitelist": "*"}
    theirs = asked(ApacheEnsemble(3, settings=settings, roles={3: "observer"}))
    yield theirs, asked(OurEnsemble(3, settings=settings, roles={3: "observer"}))


@pytest.mark.parametrize("role", ["leader", "follower", "observer"])
def test_conf_has_the_same_lines(both: tuple[Told, Told], role: str) -> None:
    def lines(text: str) -> list[str]:
        head, _, membership = text.partition("membership: \n")
        # Sizes and ports are each server's own, and so are the last parts of the paths.
        keys = [re.sub(r"(Size|Port|Dir|serverId)=.*", r"\1=", line) for line in head.splitlines()]
        return [*keys, re.sub(r":\d+", ":N", membership)]

    theirs, ours = both
    assert lines(ours[role]["conf"]) == lines(theirs[role]["conf"])


@pytest.mark.parametrize("role", ["leader", "follower", "observer"])
def test_srvr_has_the_same_lines(both: tuple[Told, Told], role: str) -> None:
    def lines(text: str) -> list[str]:
        return [re.sub(r"(0x)?[0-9a-f.]*\d[0-9a-f.]*", "N", line) for line in text.splitlines()[1:]]

    theirs, ours = both
    assert f"Mode: {role}\n" in ours[role]["srvr"]
    assert lines(ours[role]["srvr"]) == lines(theirs[role]["srvr"])
    assert ours[role]["isro"] == theirs[role]["isro"] == "rw"


@pytest.mark.parametrize("role", ["leader", "follower", "observer"])
def test_mntr_has_the_same_keys_and_facts(both: tuple[Told, Told], role: str) -> None:
    def values(text: str) -> dict[str, str]:
        pairs = [line.split("\t", 1) for line in text.splitlines()]
        # Queues to each learner, and namespaces, come with their first use.
        variable = re.compile(r"_learner_handler_qp_|_per_namespace$")
        return {key: value for key, value in pairs if not variable.search(key)}

    theirs, ours = (values(told[role]["mntr"]) for told in both)
    assert ours.keys() == theirs.keys()
    assert list(ours)[:3] == list(theirs)[:3]
    facts = [
        "server_state",
        "peer_state",
        "quorum_size",
        "learners",
        "synced_followers",
        "synced_observers",
        "synced_non_voting_followers",
        "pending_syncs",
    ]
    for fact in facts:
        assert ours.get(f"zk_{fact}") == theirs.get(f"zk_{fact}")
    is_observer = role == "observer"
    assert ("zk_observer_master_id" in ours) == is_observer


@pytest.mark.parametrize("role", ["leader", "follower", "observer"])
def test_dump_begins_the_same_way(both: tuple[Told, Told], role: str) -> None:
    def kind(text: str) -> list[str]:
        return [re.sub(r"\d+", "N", line) for line in text.splitlines()[:2]]

    theirs, ours = both
    assert kind(ours[role]["dump"]) == kind(theirs[role]["dump"])
