"""Flags as Apache's programs take them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesos_compat.errors import FlagError
from mesos_compat.flags import agent, master
from mesos_compat.flags.loading import Flags, load, usage


def of_master(*arguments: str, **environment: str) -> Flags:
    return load(master.FLAGS, arguments, environment)


def test_defaults_are_apache_s() -> None:
    flags = of_master()
    assert flags["port"] == 5050
    assert flags["agent_ping_timeout"] == 15_000_000_000
    assert flags.milliseconds("agent_ping_timeout") == 15_000
    assert flags.is_set("root_submissions")
    assert flags.text("zk") is None
    assert flags.number("quorum") is None


def test_truths_are_said_and_denied() -> None:
    assert of_master("--require_agent_domain").is_set("require_agent_domain")
    assert of_master("--require_agent_domain=true").is_set("require_agent_domain")
    assert not of_master("--no-root_submissions").is_set("root_submissions")
    assert not of_master("--root_submissions=false").is_set("root_submissions")


def test_command_line_wins_over_variables() -> None:
    flags = of_master("--port=7000", MESOS_PORT="6000", MESOS_CLUSTER="c", PATH="/bin")
    assert (flags["port"], flags["cluster"]) == (7000, "c")


def test_old_names_are_understood() -> None:
    assert of_master("--slave_ping_timeout=1secs").milliseconds("agent_ping_timeout") == 1000
    assert of_master(MESOS_AUTHENTICATE="true").is_set("authenticate_frameworks")


def test_text_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "acls"
    file.write_text('{"permissive": false}\n')
    assert of_master(f"--acls=file://{file}").text("acls") == '{"permissive": false}'


def test_json_may_be_named_by_its_path_alone(tmp_path: Path) -> None:
    (tmp_path / "acls").write_text("{}")
    assert of_master(f"--acls={tmp_path}/acls").text("acls") == "{}"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_secrets_are_read_from_a_path_and_only_that_is_shown(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    given = f"{scheme}{tmp_path}/key"
    flags = load(agent.FLAGS, [f"--jwt_secret_key={given}", '--credential={"secret":"x"}'], {})
    assert flags.text("jwt_secret_key") == "hunter2"
    assert flags.text("credential") == '{"secret":"x"}'
    assert flags.shown()["jwt_secret_key"] == given
    assert flags.shown()["credential"] == "(hidden)"


def test_address_in_a_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "zk").write_text("zk://me:hunter2@a/mesos\n")
    flags = of_master(f"--zk=file://{tmp_path}/zk")
    assert flags.text("zk") == "zk://me:hunter2@a/mesos"
    assert flags.shown()["zk"] == f"file://{tmp_path}/zk"
    assert of_master("--zk=zk://a/mesos").shown()["zk"] == "zk://a/mesos"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_path_of_a_file_that_is_read_later_is_left_unread(scheme: str) -> None:
    flags = of_master(f"--whitelist={scheme}/nowhere/at/all")
    assert flags.text("whitelist") == "/nowhere/at/all"


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--nonsense=1", "unknown flag 'nonsense'"),
        ("--port=x", "'port': 'x' is not a whole number"),
        ("--port", "'port': a value is missing"),
        ("--no-port", "it is not a truth"),
        ("--no-quiet=true", "via 'no-quiet' with value"),
        ("--quiet=maybe", "'quiet': 'maybe' is not true or false"),
        ("--agent_ping_timeout=5", "'agent_ping_timeout': '5' is not a duration"),
        ("--acls=file:///nowhere/at/all", "cannot read file:///nowhere/at/all"),
        ("--credentials=/nowhere/at/all", "'credentials': cannot read /nowhere/at/all"),
        ("5050", "Unexpected argument '5050'"),
    ],
)
def test_what_is_wrong_is_named(argument: str, complaint: str) -> None:
    with pytest.raises(FlagError, match=complaint):
        of_master(argument)


def test_a_flag_given_twice_is_refused() -> None:
    with pytest.raises(FlagError, match="'port' is given twice"):
        of_master("--port=1", "--port=2")


def test_flags_without_effect_are_named() -> None:
    assert of_master("--hooks=a", "--modules=b", "--port=1").ignored == ["hooks", "modules"]


def test_flags_are_shown_as_apache_shows_them() -> None:
    recorded = Path(__file__).parents[1] / "golden" / "endpoints" / "get-flags.json"
    apache = json.loads(recorded.read_text())["flags"]
    # How the recorded master was started.
    own = ("work_dir", "registry", "external_log_file", "webui_dir")
    ours = of_master(*(f"--{name}={apache[name]}" for name in own)).shown()
    assert ours == apache


def test_the_agent_has_its_own() -> None:
    flags = load(agent.FLAGS, ["--master=zk://a/mesos", "--gc_delay=2days"], {})
    assert flags.text("master") == "zk://a/mesos"
    assert flags.shown()["gc_delay"] == "2days"
    assert flags["fetcher_cache_size"] == 2 << 30


def test_help_lists_every_flag() -> None:
    shown = usage("mesos-agent", agent.FLAGS)
    assert all(f"{flag.name}" in shown for flag in agent.FLAGS)
    assert "--[no-]quiet" in shown
