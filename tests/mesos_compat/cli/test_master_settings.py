"""The master's flags, and what its parts obey."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from mesos_compat.allocator import AllocatorOptions
from mesos_compat.cli.addresses import Place
from mesos_compat.cli.master_settings import (
    AGENT,
    READWRITE,
    SCHEDULER,
    allocator_options_of,
    authenticator_of,
    authorizer_of,
    master_info,
    settings_of,
)
from mesos_compat.errors import FlagError
from mesos_compat.flags import master
from mesos_compat.flags.loading import Flags, load
from mesos_compat.master.settings import MasterSettings, RemovalRate
from mesos_compat.resources import Quantities

CREDENTIALS = '--credentials={"credentials":[{"principal":"p","secret":"s"}]}'


def of(*arguments: str) -> Flags:
    return load(master.FLAGS, arguments, {})


def test_defaults_of_the_flags_are_those_of_the_settings() -> None:
    assert settings_of(of()) == MasterSettings()
    assert allocator_options_of(of()) == AllocatorOptions()


def test_flags_are_obeyed() -> None:
    settings = settings_of(
        of(
            "--offer_timeout=2secs",
            "--agent_removal_rate_limit=1/10mins",
            "--recovery_agent_removal_limit=50%",
            "--roles=a,b",
            "--weights=a=2,b=0.5",
            "--no-root_submissions",
        )
    )
    assert settings.offer_timeout_ms == 2000
    assert settings.agent_removal_rate_limit == RemovalRate(1, 600_000)
    assert settings.recovery_agent_removal_limit == Fraction(1, 2)
    assert settings.roles == ("*", "a", "b")
    assert settings.weights == (("a", 2.0), ("b", 0.5))
    assert not settings.root_submissions
    options = allocator_options_of(
        of("--min_allocatable_resources=cpus:1;mem:64|disk:5", "--allocation_interval=50ms")
    )
    assert options.min_allocatable == (
        Quantities.parse("cpus:1;mem:64"),
        Quantities.parse("disk:5"),
    )
    assert options.allocation_interval_ms == 50


@pytest.mark.parametrize(
    "argument",
    [
        "--agent_reregister_timeout=1mins",
        "--agent_removal_rate_limit=often",
        "--agent_removal_rate_limit=0/1secs",
        "--recovery_agent_removal_limit=200%",
        "--recovery_agent_removal_limit=0.5",
        "--roles=a,-b",
        "--weights=a",
        "--weights=a=0",
        "--max_agent_ping_timeouts=0",
        "--max_completed_frameworks=-1",
    ],
)
def test_settings_that_make_no_sense_name_their_flag(argument: str) -> None:
    with pytest.raises(FlagError, match=argument[2:].partition("=")[0]):
        settings_of(of(argument))


@pytest.mark.parametrize(
    "argument",
    [
        "--allocator_agent_recovery_factor=2",
        "--min_allocatable_resources=cpus",
        "--domain={}x",
        "--allocation_interval=0ns",
    ],
)
def test_allocator_options_that_make_no_sense_name_their_flag(argument: str) -> None:
    with pytest.raises(FlagError, match=argument[2:].partition("=")[0]):
        allocator_options_of(of(argument))


def test_master_is_known_as_mesos_s_are() -> None:
    domain = {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}
    info = master_info(
        of(f"--domain={json.dumps(domain)}"), Place("127.0.0.1", "127.0.0.1", "h"), 5050, "id"
    )
    assert (info.ip, info.pid, info.hostname) == (16777343, "master@127.0.0.1:5050", "h")
    assert len(info.capabilities) == 3
    assert info.domain.fault_domain.region.name == "r"
    assert master_info(of("--advertise_port=7"), Place("", "1.2.3.4", "h"), 5050, "id").port == 7


def test_acls_are_read() -> None:
    acls = '{"permissive": false, "register_frameworks": []}'
    assert not authorizer_of(of(f"--acls={acls}")).allows("register_frameworks", "p", roles="r")
    assert authorizer_of(of()).allows("register_frameworks", "p", roles="r")
    with pytest.raises(FlagError, match="acls"):
        authorizer_of(of("--acls={"))


@pytest.mark.parametrize(
    "name",
    [
        "authenticate_agents",
        "authenticate_frameworks",
        "authenticate_http_readonly",
        "authenticate_http_readwrite",
        "authenticate_http_frameworks",
    ],
)
def test_authentication_needs_credentials(name: str) -> None:
    with pytest.raises(FlagError, match=name):
        authenticator_of(of(f"--{name}"))
    authenticator_of(of(f"--{name}", CREDENTIALS))


def test_only_basic_authentication_is_there() -> None:
    with pytest.raises(FlagError, match="http_authenticators"):
        authenticator_of(
            of("--authenticate_http_readonly", CREDENTIALS, "--http_authenticators=other")
        )


def test_realms_are_mesos_s() -> None:
    assert (READWRITE, SCHEDULER) == ("mesos-master-readwrite", "mesos-master-scheduler")
    assert AGENT.startswith("mesos-master-")
