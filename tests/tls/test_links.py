"""Servers that talk to each other under TLS, and the step from plain text to it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from conformance.ensembles import Member, OurEnsemble
from tests.tls.places import Place
from zkserver.tls.authority import Authority

PATIENCE_S = 20.0


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def secured(place: Place, **others: str) -> dict[str, str]:
    return {
        "sslQuorum": "true",
        "ssl.quorum.keyStore.location": place.path("server.pem"),
        "ssl.quorum.trustStore.location": place.path("ca.pem"),
        **{key.replace("_", "."): value for key, value in others.items()},
    }


def write_and_read(ensemble: OurEnsemble, path: str) -> None:
    client = KazooClient(ensemble.connect_string)
    client.start(PATIENCE_S)
    client.create(path, b"x" * 100_000)
    client.sync(path)
    assert client.get(path)[0] == b"x" * 100_000
    client.stop()
    client.close()


def wait_for_line(member: Member, text: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while text not in (said := member.log_path.read_text()):
        assert time.monotonic() < until, said
        time.sleep(0.02)


def test_ensemble_under_tls_serves_and_takes_a_member_back(place: Place) -> None:
    with OurEnsemble(3, settings=secured(place)) as ensemble:
        write_and_read(ensemble, "/a")
        leader = ensemble.wait_leader()
        leader.kill()
        ensemble.wait_serving()
        write_and_read(ensemble, "/b")
        leader.restart()
        ensemble.wait_serving()


@pytest.mark.parametrize("what", ["stranger", "plain"])
def test_member_without_a_certificate_of_ours_is_refused_and_named(place: Place, what: str) -> None:
    strange = Authority().issue("server", ["127.0.0.1"])
    odd = {"ssl.quorum.keyStore.location": place.write("strange.pem", strange.pem())}
    if what == "plain":
        odd = {"sslQuorum": "false"}
    ensemble = OurEnsemble(3, settings=secured(place), settings_of={3: odd})
    try:
        ensemble.prepare()
        ensemble.launch()
        ensemble.wait_serving([ensemble.member(1), ensemble.member(2)])
        write_and_read_at(ensemble.member(1).port)
        expected = {
            "stranger": "the other server's certificate is refused",
            "plain": "plain text, or something else that is no TLS",
        }
        # It has the greatest id, so it calls the others.
        wait_for_line(ensemble.member(1), expected[what])
        wait_for_line(ensemble.member(2), expected[what])
    finally:
        ensemble.__exit__(None, None, None)


def write_and_read_at(port: int) -> None:
    client = KazooClient(f"127.0.0.1:{port}")
    client.start(PATIENCE_S)
    client.create("/here")
    client.stop()
    client.close()


def test_certificate_of_another_host_is_refused_unless_names_do_not_matter(place: Place) -> None:
    place.write_server(place.authority.issue("server", ["somewhere.else"]))
    ensemble = OurEnsemble(2, settings=secured(place))
    try:
        ensemble.prepare()
        ensemble.launch()
        wait_for_line(ensemble.member(2), "is not valid for '127.0.0.1'")
    finally:
        ensemble.__exit__(None, None, None)
    settings = secured(place, ssl_quorum_hostnameVerification="false")
    with OurEnsemble(2, settings=settings) as lenient:
        write_and_read(lenient, "/a")


def test_ensemble_goes_over_to_tls_one_by_one(place: Place) -> None:
    """Apache's three steps: take both, call under TLS, take TLS only; one restart each."""
    both = {**secured(place), "sslQuorum": "false", "portUnification": "true"}
    steps = [
        both,
        {**both, "sslQuorum": "true"},
        {**both, "sslQuorum": "true", "portUnification": "false"},
    ]
    with OurEnsemble(3) as ensemble:
        write_and_read(ensemble, "/step")
        for number, settings in enumerate(steps):
            for member in ensemble.members:
                member.stop()
                member.settings |= settings
                member.restart()
                ensemble.wait_serving()
            write_and_read(ensemble, f"/step-{number}")
