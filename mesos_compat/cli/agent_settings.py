"""What the agent's flags come to: settings of its parts, and everything that is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent_shell.driver import Places
from mesos_compat.cli.addresses import Place
from mesos_compat.cli.version import VERSION
from mesos_compat.containers.host_resources import find_host_resources, with_defaults
from mesos_compat.containers.spec import ContainerizerSettings
from mesos_compat.credentials import basic_header, parse_credential, parse_credentials
from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.executors import programs
from mesos_compat.flags.loading import Flags
from mesos_compat.http.authentication import Authenticator, RealmRules
from mesos_compat.resources import ResourceError, Resources
from mesos_compat.resources.attributes import parse as parse_attributes
from mesos_compat.wire.json_dialect import loads
from mesos_compat.wire.v1 import mesos_pb2

READONLY: Final = "mesos-agent-readonly"
READWRITE: Final = "mesos-agent-readwrite"
EXECUTOR: Final = "mesos-agent-executor"


def work_dir_of(flags: Flags) -> Path:
    """``--work_dir``, made if it is not there; raises :class:`FlagError`."""
    text = flags.text("work_dir")
    if text is None:
        raise FlagError("Flag 'work_dir' is required, but it was not provided")
    path = Path(text).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FlagError(f"Failed to load flag 'work_dir': {error}") from error
    return path


def settings_of(
    flags: Flags, place: Place, port: int, work_dir: Path, tls_environment: Mapping[str, str]
) -> AgentSettings:
    """What the core obeys; raises :class:`FlagError`.

    ``tls_environment`` is what executors need to call this agent.
    """
    return AgentSettings(
        work_dir=str(work_dir),
        address=place.address(flags.number("advertise_port") or port),
        version=VERSION,
        command_executor=programs.command_executor(),
        default_executor=programs.default_executor(),
        tls_environment=tls_environment,
        executor_environment_variables=_environment(flags),
        executor_registration_timeout_ms=flags.milliseconds("executor_registration_timeout"),
        executor_reregistration_timeout_ms=flags.milliseconds("executor_reregistration_timeout"),
        executor_shutdown_grace_period_ms=flags.milliseconds("executor_shutdown_grace_period"),
        http_command_executor=flags.is_set("http_command_executor"),
        recovery_timeout_ms=flags.milliseconds("recovery_timeout"),
        strict=flags.is_set("strict"),
        recover=_recover(flags),
        reconfiguration_policy=_policy(flags),
        registration_backoff_factor_ms=flags.milliseconds("registration_backoff_factor"),
        switch_user=flags.is_set("switch_user"),
        max_completed_executors_per_framework=flags.number("max_completed_executors_per_framework")
        or 0,
        gc_non_executor_container_sandboxes=flags.is_set("gc_non_executor_container_sandboxes"),
        jwt_secret_key=_token_key(flags),
    )


def _recover(flags: Flags) -> Literal["reconnect", "cleanup"]:
    match flags.text("recover"):
        case "reconnect":
            return "reconnect"
        case "cleanup":
            return "cleanup"
        case other:
            raise FlagError(
                f"Unknown option for 'recover' flag {other}. Please run the agent with '--help' to"
                " see the valid options"
            )


def _policy(flags: Flags) -> Literal["equal", "additive"]:
    match flags.text("reconfiguration_policy"):
        case "equal":
            return "equal"
        case "additive":
            return "additive"
        case other:
            raise FlagError(
                f"Unknown option for 'reconfiguration_policy' flag {other}. Please run the agent"
                " with '--help' to see the valid options"
            )


def _environment(flags: Flags) -> dict[str, str]:
    text = flags.text("executor_environment_variables")
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except ValueError as error:
        raise FlagError(f"Failed to load flag 'executor_environment_variables': {error}") from error
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise FlagError(
            "`executor_environment_variables` must only contain string values in a JSON object"
        )
    return given


def _token_key(flags: Flags) -> bytes | None:
    if not flags.is_set("authenticate_http_executors"):
        return None
    text = flags.text("jwt_secret_key")
    if text is None:
        raise FlagError("--authenticate_http_executors needs --jwt_secret_key")
    return text.encode()


def containerizer_settings_of(flags: Flags, work_dir: Path) -> ContainerizerSettings:
    """What the containerizer obeys; raises :class:`FlagError`."""
    if flags.text("containerizers") != "mesos":
        raise FlagError(
            f"Failed to load flag 'containerizers': '{flags.text('containerizers')}' is not mesos,"
            " the only one there is"
        )
    launcher: Literal["linux", "posix"] | None
    match flags.text("launcher"):
        case None:
            launcher = None
        case "linux":
            launcher = "linux"
        case "posix":
            launcher = "posix"
        case other:
            raise FlagError(f"Unknown or unsupported launcher: {other}")
    return ContainerizerSettings(
        work_dir=str(work_dir),
        runtime_dir=str(_runtime_dir(flags, work_dir)),
        isolation=tuple(_listed(flags.text("isolation"))),
        launcher=launcher,
        cgroups_hierarchy=flags.text("cgroups_hierarchy") or "",
        cgroups_root=flags.text("cgroups_root") or "",
        cgroups_enable_cfs=flags.is_set("cgroups_enable_cfs"),
        cgroups_limit_swap=flags.is_set("cgroups_limit_swap"),
        cgroups_pids_max=flags.number("cgroups_pids_max"),
        cgroups_destroy_timeout_ms=flags.milliseconds("cgroups_destroy_timeout"),
        switch_user=flags.is_set("switch_user"),
        fetcher_cache_dir=flags.text("fetcher_cache_dir") or "",
        fetcher_cache_bytes_max=flags.number("fetcher_cache_size") or 0,
        fetcher_stall_timeout_ms=flags.milliseconds("fetcher_stall_timeout"),
        frameworks_home=flags.text("frameworks_home"),
        host_path_volume_force_creation=tuple(
            (flags.text("host_path_volume_force_creation") or "").split(":")
            if flags.text("host_path_volume_force_creation")
            else ()
        ),
        default_container_info=_container_info(flags),
        enforce_container_disk_quota=flags.is_set("enforce_container_disk_quota"),
        container_disk_watch_interval_ms=flags.milliseconds("container_disk_watch_interval"),
    )


def _runtime_dir(flags: Flags, work_dir: Path) -> Path:
    """As given; who may not write to Mesos's own default has one below the work directory."""
    given = Path(flags.text("runtime_dir") or "").absolute()
    if "runtime_dir" in flags.given or os.access(_existing(given), os.W_OK):
        return given
    return work_dir / "runtime"


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _container_info(flags: Flags) -> mesos_pb2.ContainerInfo | None:
    text = flags.text("default_container_info")
    if text is None:
        return None
    try:
        return loads(text, mesos_pb2.ContainerInfo)
    except DecodeError as error:
        raise FlagError(f"Failed to load flag 'default_container_info': {error}") from error


def agent_info_of(flags: Flags, place: Place, port: int, work_dir: Path) -> mesos_pb2.AgentInfo:
    """The agent as it begins: what it has, and how it is known; raises :class:`FlagError`.

    Resources that the flags say nothing of are what the host has.
    """
    info = mesos_pb2.AgentInfo(hostname=place.hostname, port=flags.number("advertise_port") or port)
    role = flags.text("default_role") or "*"
    try:
        given = Resources(Resources.parse(flags.text("resources") or "", role))
    except ResourceError as error:
        raise FlagError(f"Failed to load flag 'resources': {error}") from error
    resources = with_defaults(given.messages(), find_host_resources(str(work_dir)))
    info.resources.extend(Resources(resources).messages())
    try:
        info.attributes.extend(parse_attributes(flags.text("attributes") or ""))
    except ResourceError as error:
        raise FlagError(f"Failed to load flag 'attributes': {error}") from error
    domain = flags.text("domain")
    if domain is not None:
        try:
            info.domain.CopyFrom(loads(domain, mesos_pb2.DomainInfo))
        except DecodeError as error:
            raise FlagError(f"Failed to load flag 'domain': {error}") from error
    return info


def places_of(flags: Flags, work_dir: Path) -> Places:
    """Where things are kept, and for how long."""
    return Places(
        work_dir,
        gc_delay_ms=flags.milliseconds("gc_delay"),
        gc_disk_headroom=float(flags["gc_disk_headroom"] or 0),
        gc_interval_s=flags.milliseconds("disk_watch_interval") / 1000,
    )


def authenticator_of(flags: Flags) -> Authenticator:
    """By ``--http_credentials`` and ``--authenticate_http_...``; raises :class:`FlagError`."""
    text = flags.text("http_credentials")
    credentials = parse_credentials(text, "http_credentials") if text is not None else None
    key = _token_key(flags)
    rules: dict[str, RealmRules] = {}
    for realm, name in (
        (READONLY, "authenticate_http_readonly"),
        (READWRITE, "authenticate_http_readwrite"),
    ):
        if flags.is_set(name):
            if credentials is None:
                raise FlagError(f"Flag '{name}' needs '--http_credentials'")
            # Executors call the operator API with their tokens.
            rules[realm] = RealmRules(credentials, key)
    if key is not None:
        rules[EXECUTOR] = RealmRules(None, key)
    return Authenticator(rules)


def authorization_of(flags: Flags) -> str | None:
    """How the agent tells the master who it is, by ``--credential``; raises FlagError."""
    text = flags.text("credential")
    return basic_header(parse_credential(text)) if text is not None else None


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
