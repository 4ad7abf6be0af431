"""What the master's flags come to: settings of its parts, and everything that is wrong."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from mesos_compat.allocator import AllocatorOptions
from mesos_compat.cli.addresses import Place, packed_ip
from mesos_compat.cli.version import VERSION
from mesos_compat.credentials import Credentials, parse_credentials
from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.flags.loading import Flags
from mesos_compat.http.authentication import Authenticator, RealmRules
from mesos_compat.master.authorization import Acls, Authorizer, parse_acls
from mesos_compat.master.settings import MasterSettings, RemovalRate
from mesos_compat.resources import Quantities
from mesos_compat.resources import roles as role_names
from mesos_compat.wire.json_dialect import loads
from mesos_compat.wire.text import parse_duration
from mesos_compat.wire.v1 import mesos_pb2

READONLY: Final = "mesos-master-readonly"
READWRITE: Final = "mesos-master-readwrite"
SCHEDULER: Final = "mesos-master-scheduler"
AGENT: Final = "mesos-master-agent"


def settings_of(flags: Flags) -> MasterSettings:
    """What the core obeys; raises :class:`FlagError`."""
    offer_timeout = flags.number("offer_timeout")
    return MasterSettings(
        max_completed_frameworks=_count(flags, "max_completed_frameworks"),
        max_completed_tasks_per_framework=_count(flags, "max_completed_tasks_per_framework"),
        max_unreachable_tasks_per_framework=_count(flags, "max_unreachable_tasks_per_framework"),
        offer_timeout_ms=None if offer_timeout is None else offer_timeout // 1_000_000,
        agent_ping_timeout_ms=_at_least(flags, "agent_ping_timeout", 1_000),
        max_agent_ping_timeouts=_count(flags, "max_agent_ping_timeouts", least=1),
        agent_reregister_timeout_ms=_at_least(flags, "agent_reregister_timeout", 600_000),
        agent_removal_rate_limit=_removal_rate(flags.text("agent_removal_rate_limit")),
        recovery_agent_removal_limit=_percentage(flags, "recovery_agent_removal_limit"),
        roles=_roles(flags.text("roles")),
        weights=_weights(flags.text("weights")),
        root_submissions=flags.is_set("root_submissions"),
        require_agent_domain=flags.is_set("require_agent_domain"),
        registry_store_timeout_ms=flags.milliseconds("registry_store_timeout"),
        registry_gc_interval_ms=flags.milliseconds("registry_gc_interval"),
        registry_max_agent_age_ms=flags.milliseconds("registry_max_agent_age"),
        registry_max_agent_count=_count(flags, "registry_max_agent_count"),
        max_operator_event_stream_subscribers=_count(
            flags, "max_operator_event_stream_subscribers", least=1
        ),
        publish_per_framework_metrics=flags.is_set("publish_per_framework_metrics"),
        offer_constraints_re2_max_mem_bytes=_count(flags, "offer_constraints_re2_max_mem"),
        offer_constraints_re2_max_program_size=_count(
            flags, "offer_constraints_re2_max_program_size"
        ),
    )


def allocator_options_of(flags: Flags) -> AllocatorOptions:
    """What the allocator obeys; raises :class:`FlagError`."""
    excluded = flags.text("fair_sharing_excluded_resource_names") or ""
    return AllocatorOptions(
        allocation_interval_ms=_at_least(flags, "allocation_interval", 1),
        role_sorter=flags.text("role_sorter") or "",
        framework_sorter=flags.text("framework_sorter") or "",
        fair_sharing_excluded_resource_names=tuple(_listed(excluded)),
        filter_gpu_resources=flags.is_set("filter_gpu_resources"),
        min_allocatable=_minimums(flags.text("min_allocatable_resources") or ""),
        recovery_timeout_ms=flags.milliseconds("allocator_recovery_timeout"),
        agent_recovery_factor=_share(flags, "allocator_agent_recovery_factor"),
        constraints_max_mem_bytes=_count(flags, "offer_constraints_re2_max_mem"),
        constraints_max_program_size=_count(flags, "offer_constraints_re2_max_program_size"),
        policy_text=flags.text("allocator_policy"),
        domain=_domain(flags.text("domain")),
    )


def master_info(flags: Flags, place: Place, port: int, master_id: str) -> mesos_pb2.MasterInfo:
    """How this master is known to others."""
    told_port = flags.number("advertise_port") or port
    info = mesos_pb2.MasterInfo(
        id=master_id,
        ip=packed_ip(place.ip),
        port=told_port,
        pid=f"master@{place.ip}:{told_port}",
        hostname=place.hostname,
        version=VERSION,
        address=place.address(told_port),
    )
    for capability in ("AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"):
        info.capabilities.add(type=capability)
    domain = _domain(flags.text("domain"))
    if domain is not None:
        info.domain.CopyFrom(domain)
    return info


def authorizer_of(flags: Flags) -> Authorizer:
    """By ``--acls``; raises :class:`FlagError`."""
    for name in ("authorizers", "authorizer"):
        if flags.given.get(name, "local") != "local":
            raise FlagError(
                f"Failed to load flag '{name}': '{flags.given[name]}' is not local, the only one"
                " there is"
            )
    text = flags.text("acls")
    return Authorizer(parse_acls(text) if text is not None else Acls())


def authenticator_of(flags: Flags) -> Authenticator:
    """By ``--credentials`` and ``--authenticate_...``; raises :class:`FlagError`."""
    text = flags.text("credentials")
    credentials = parse_credentials(text) if text is not None else None
    realms = {
        READONLY: "authenticate_http_readonly",
        READWRITE: "authenticate_http_readwrite",
        SCHEDULER: "authenticate_http_frameworks",
        AGENT: "authenticate_agents",
    }
    rules = {
        realm: RealmRules(_needed(flags, name, credentials))
        for realm, name in realms.items()
        if flags.is_set(name)
    }
    if flags.is_set("authenticate_frameworks") and SCHEDULER not in rules:
        # There are no other frameworks than those that come by HTTP.
        rules[SCHEDULER] = RealmRules(_needed(flags, "authenticate_frameworks", credentials))
    return Authenticator(rules)


def _needed(flags: Flags, name: str, credentials: Credentials | None) -> Credentials:
    for kind in ("http_authenticators", "http_framework_authenticators"):
        if flags.given.get(kind, "basic") != "basic":
            raise FlagError(
                f"Failed to load flag '{kind}': '{flags.given[kind]}' is not basic, the only one"
                " there is"
            )
    if credentials is None:
        raise FlagError(f"Flag '{name}' needs '--credentials'")
    return credentials


def _count(flags: Flags, name: str, least: int = 0) -> int:
    number = flags.number(name) or 0
    if number < least:
        raise FlagError(f"Failed to load flag '{name}': {number} is less than {least}")
    return number


def _at_least(flags: Flags, name: str, least_ms: int) -> int:
    value = flags.milliseconds(name)
    if value < least_ms:
        raise FlagError(f"Failed to load flag '{name}': expected at least {least_ms} ms")
    return value


def _share(flags: Flags, name: str) -> Fraction:
    value = float(flags[name] or 0)
    if not 0 <= value <= 1 or math.isnan(value):
        raise FlagError(f"Failed to load flag '{name}': {value} is not between 0 and 1")
    return Fraction(str(value))


def _percentage(flags: Flags, name: str) -> Fraction:
    text = (flags.text(name) or "").strip()
    try:
        value = Fraction(text.removesuffix("%")) / 100
    except (ValueError, ZeroDivisionError) as error:
        raise FlagError(f"Failed to load flag '{name}': '{text}' is no percentage") from error
    if not text.endswith("%") or not 0 <= value <= 1:
        raise FlagError(f"Failed to load flag '{name}': '{text}' is not from 0% to 100%")
    return value


def _removal_rate(text: str | None) -> RemovalRate | None:
    if text is None:
        return None
    permits, slash, duration = text.partition("/")
    try:
        if not slash:
            raise ValueError("expected such as 1/10mins")
        count, interval_ms = int(permits), parse_duration(duration) // 1_000_000
    except (ValueError, DecodeError) as error:
        raise FlagError(f"Failed to load flag 'agent_removal_rate_limit': {error}") from error
    if count < 1 or interval_ms < 1:
        raise FlagError("Failed to load flag 'agent_removal_rate_limit': expected more than 0")
    return RemovalRate(count, interval_ms)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _roles(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    roles = dict.fromkeys(["*", *_listed(text)])
    for role in roles:
        fault = role_names.validate(role)
        if fault is not None:
            raise FlagError(f"Failed to load flag 'roles': {fault}")
    return tuple(roles)


def _weights(text: str | None) -> tuple[tuple[str, float], ...]:
    weights: dict[str, float] = {}
    for pair in _listed(text or ""):
        role, equals, number = pair.partition("=")
        try:
            value = float(number)
        except ValueError as error:
            raise FlagError(f"Failed to load flag 'weights': '{pair}'") from error
        if not equals or not 0 < value < math.inf:
            raise FlagError(f"Failed to load flag 'weights': '{pair}' is no role=weight")
        weights[role] = value
    return tuple(weights.items())


def _minimums(text: str) -> tuple[Quantities, ...]:
    try:
        return tuple(Quantities.parse(part) for part in text.split("|") if part.strip())
    except ValueError as error:
        raise FlagError(f"Failed to load flag 'min_allocatable_resources': {error}") from error


def _domain(text: str | None) -> mesos_pb2.DomainInfo | None:
    if text is None:
        return None
    try:
        return loads(text, mesos_pb2.DomainInfo)
    except DecodeError as error:
        raise FlagError(f"Failed to load flag 'domain': {error}") from error
