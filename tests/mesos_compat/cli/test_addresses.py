"""Where programs serve, as their flags say."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mesos_compat.cli import logs
from mesos_compat.cli.addresses import Place, find_place, packed_ip
from mesos_compat.errors import FlagError
from mesos_compat.flags import master
from mesos_compat.flags.loading import Flags, load


def of(*arguments: str) -> Flags:
    return load(master.FLAGS, arguments, {})


def test_given_addresses_are_used() -> None:
    place = find_place(of("--ip=127.0.0.1", "--hostname=me"))
    assert place == Place("127.0.0.1", "127.0.0.1", "me")
    address = place.address(5050)
    assert (address.hostname, address.ip, address.port) == ("me", "127.0.0.1", 5050)


def test_advertised_address_is_told_and_the_other_bound() -> None:
    place = find_place(of("--ip=127.0.0.1", "--advertise_ip=10.1.2.3", "--no-hostname_lookup"))
    assert place == Place("127.0.0.1", "10.1.2.3", "10.1.2.3")


def test_address_may_come_from_a_command() -> None:
    place = find_place(of("--ip_discovery_command=echo 127.0.0.2", "--no-hostname_lookup"))
    assert place == Place("127.0.0.2", "127.0.0.2", "127.0.0.2")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--ip=nowhere",),
        ("--advertise_ip=1.2.3",),
        ("--ip=127.0.0.1", "--ip_discovery_command=echo 127.0.0.1"),
        ("--ip_discovery_command=false",),
        ("--ip_discovery_command=echo nothing",),
    ],
)
def test_what_is_no_address_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(FlagError):
        find_place(of(*arguments))


def test_ip_is_packed_as_mesos_does() -> None:
    assert packed_ip("127.0.0.1") == 16777343
    assert packed_ip("1.2.3.4") == 0x04030201


def test_logs_are_in_the_form_of_glog(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        path = logs.set_up("mesos-master", of(f"--log_dir={tmp_path}", "--quiet"))
        logging.getLogger("x").warning("it %s", "happened")
        logging.getLogger("x").debug("not this")
        assert path == tmp_path / "mesos-master.INFO"
        (line,) = path.read_text().splitlines()
        assert line.startswith("W")
        assert line.endswith("] it happened")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers, root.level = before[0], before[1]


def test_unknown_level_is_refused() -> None:
    with pytest.raises(FlagError, match="logging_level"):
        logs.set_up("mesos-master", of("--logging_level=LOUD"))
