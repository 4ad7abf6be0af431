"""zoo.cfg and the command line, turned into one frozen ``Config``.

``load_config`` reads a file in Apache's format, lays the overrides of the
command line over it and checks everything at once, so that one run names every
mistake. What each key means to us is written down in ``config_keys``, files are
read by ``config_files`` and membership lines by ``membership_files``; here the
values are brought together and checked against each other.

Only light modules are imported, because this runs before the first request
can be answered.
"""

# pathlib would cost the start of the server several milliseconds.
# ruff: noqa: PTH100, PTH112

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkserver import config_keys
from zkserver.config_files import PREFIX, read_myid, read_settings

if TYPE_CHECKING:
    from zkserver.replica.membership import Membership
    from zkserver.tls.settings import TlsSettings

DEFAULT_CLIENT_PORT = 2181
#: In place of a port where there is none.
NO_PORT = -1
_SESSION_TICKS_MIN = 2
_SESSION_TICKS_MAX = 20
_SNAP_RETAIN_MIN = 3
_SNAP_COUNT_MIN = 2


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the server is told at start; defaults are those of ZooKeeper 3.8.

    The one meant difference: ``extended_types`` (TTL nodes) is on.
    """

    # Where the data live; data_log_dir "" becomes data_dir.
    data_dir: str
    data_log_dir: str = ""
    # From dataDir/myid; 0 where that file is missing, which only a standalone server may do.
    server_id: int = 0
    # Whether a missing data_dir is made; load_config refuses one when not.
    data_dir_autocreate: bool = True

    # Port 0 binds any free one; address "" means all addresses.
    client_port: int = DEFAULT_CLIENT_PORT
    client_address: str = ""
    # The port for TLS; -1: none. Without clientPort beside it there is only this one.
    secure_client_port: int = NO_PORT
    secure_client_address: str = ""
    # Whether client_port takes TLS as well.
    port_unification: bool = False
    # Of both; None where neither is there.
    client_tls: TlsSettings | None = None
    # Whether the stores are looked at now and then, and read again when they have changed.
    cert_reload: bool = False
    # Where the certificates are that were made for this server; empty: it has others.
    tls_auto_directory: str = ""
    # The subject of a certificate whose owner may do everything.
    x509_super_user: str = ""
    # -1 leaves the length of the accept queue to the server.
    listen_backlog: int = -1
    # 0 means no limit for both.
    connections_per_address_max: int = 60
    connections_max: int = 0
    # A connection without a complete handshake is closed after this time.
    sessionless_timeout_ms: int = 10_000

    tick_time_ms: int = 3000
    # -1 becomes 2 and 20 ticks.
    min_session_timeout_ms: int = -1
    max_session_timeout_ms: int = -1

    # The longest frame that is accepted.
    jute_max_buffer_bytes: int = 0xFFFFF
    # Requests in work above which no busy connection is read.
    outstanding_max: int = 1000

    # Writes between two snapshots, and snapshots kept; older ones are always purged.
    snap_count: int = 100_000
    snap_retain_count: int = 3
    # False answers writes before they are on disk.
    force_sync: bool = True
    # Apache's logs are imported without any snapshot (``snapshot.trust.empty``).
    trust_empty_snapshot: bool = False
    # New sessions can be resumed on Apache's servers, by whoever knows their ids; ours alone.
    apache_session_passwords: bool = False
    # A flush that takes longer is logged.
    fsync_warning_ms: int = 1000

    # The four letter words that are answered; "*" in it stands for all.
    four_letter_words: frozenset[str] = frozenset({"srvr"})
    # Whether a server that sees no majority serves reads; also opens the word isro.
    read_only_mode: bool = False

    # As the files and the command line have it; None for a standalone server. The server's
    # own client port is in client_port wherever it was written.
    membership: Membership | None = None
    # One server line alone makes a standalone server.
    standalone_enabled: bool = True
    # Ticks that a server may take to come in step with a leader, and to answer it then.
    init_limit: int = 10
    sync_limit: int = 5
    # Whether a leader takes clients.
    leader_serves: bool = True
    # TLS between servers: None where there is none; whether we call under it, and whether those
    # who call us in plain text are taken as well.
    quorum_tls: TlsSettings | None = None
    ssl_quorum: bool = False
    quorum_port_unification: bool = False
    quorum_verifies_hosts: bool = True
    quorum_cert_reload: bool = False
    # Whether other servers reach this one at all addresses, or only at that of its line.
    quorum_listen_on_all_ips: bool = False
    # Where a reconfig may write the membership for the next start; None: it came without files.
    static_config_file: str | None = None
    dynamic_config_file: str | None = None

    extended_types: bool = True
    enforce_quota: bool = False
    # On a standalone server it only decides how reconfig is refused.
    reconfig_enabled: bool = False
    container_check_interval_ms: int = 60_000
    container_max_per_minute: int = 10_000
    # 0 keeps containers that never had a child.
    container_never_used_ms: int = 0

    skip_acl: bool = False
    digest_auth_enabled: bool = True
    # "super:<hash>", or "" for no super user.
    super_digest: str = ""
    # Java's name, a key of config_keys.DIGEST_ALGORITHMS.
    digest_algorithm: str = "SHA1"
    # Every write of a client is a line in the log.
    audit_enabled: bool = False

    # The HTTP AdminServer of ``zkserver start``; an embedded server has none.
    admin_enabled: bool = True
    admin_address: str = "0.0.0.0"
    admin_port: int = 8080
    admin_url: str = "/commands"
    admin_idle_timeout_ms: int = 30_000
    # With the stores of the links between servers.
    admin_force_https: bool = False
    admin_need_client_auth: bool = False
    admin_snapshot_enabled: bool = True
    admin_restore_enabled: bool = True
    # How often a snapshot is taken for whoever asks.
    admin_rate_limit_ms: int = 300_000
    # The port of Prometheus.
    metrics_enabled: bool = False
    metrics_address: str = "0.0.0.0"
    metrics_port: int = 7000
    metrics_process_info: bool = True
    # The settings as they were given, for whoever asks the AdminServer.
    given: tuple[tuple[str, str], ...] = dataclasses.field(default=(), repr=False)

    # A connection needs an identity of one of these schemes; empty: none is needed.
    enforce_auth_schemes: tuple[str, ...] = ()
    # What a client may call this ensemble, by the scheme "ensemble"; None: nobody checks.
    ensemble_names: tuple[str, ...] | None = None
    # Passwords of the users who log in by SASL, by name; None: there is no SASL.
    sasl_users: Mapping[str, str] | None = dataclasses.field(default=None, repr=False)
    sasl_super_users: tuple[str, ...] = ()
    # Who fails to log in goes on without an identity; and nobody goes on without one.
    allow_sasl_failures: bool = False
    require_sasl: bool = False

    # How many sessions may begin or be resumed; without tokens there is no limit.
    connection_throttle_tokens: int = 0
    connection_throttle_fill_time_ms: int = 1
    connection_throttle_fill_count: int = 1
    connection_throttle_freeze_time_ms: int = -1
    connection_throttle_drop_increase: float = 0.02
    connection_throttle_drop_decrease: float = 0.002
    connection_throttle_decrease_ratio: float = 0.0
    connection_throttle_weight_enabled: bool = False
    connection_throttle_global_session_weight: int = 3
    connection_throttle_renew_session_weight: int = 2
    connection_throttle_local_session_weight: int = 1

    # Requests in work from which on no connection is read; 0: outstanding_max alone counts.
    request_throttle_max_requests: int = 0
    # From which size on a request is large (-1: none is), and how much of such is taken at once.
    large_request_threshold_bytes: int = -1
    large_request_max_bytes: int = 104_857_600

    def __post_init__(self) -> None:
        """Replace the values that stand for "derive it from another one"."""
        derived: dict[str, object] = {}
        if not self.data_log_dir:
            derived["data_log_dir"] = self.data_dir
        if self.min_session_timeout_ms == -1:
            derived["min_session_timeout_ms"] = _SESSION_TICKS_MIN * self.tick_time_ms
        if self.max_session_timeout_ms == -1:
            derived["max_session_timeout_ms"] = _SESSION_TICKS_MAX * self.tick_time_ms
        for name, value in derived.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and what the user should be told about it when the server starts."""

    config: Config
    # One line per reason, each ending with the keys that have no effect for it.
    ignored: list[str]
    # One line per value that was changed or looks like a mistake.
    warnings: list[str]


class Reader:
    """Collects fields, problems and remarks while the keys are gone through."""

    def __init__(self) -> None:
        self.fields: dict[str, object] = {}
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.no_effect: dict[str, list[str]] = {}

    def read(self, settings: Mapping[str, str]) -> None:
        """Take every key by its table."""
        for key, value in settings.items():
            try:
                self._read_key(key, value)
            except ValueError as error:
                self.problems.append(f"{key}={value}: {error}")

    def _read_key(self, key: str, value: str) -> None:
        if known := config_keys.OBEYED.get(key):
            self.fields[known[0]] = known[1](value)
        elif reason := config_keys.refusal(key, value):
            raise ValueError(reason)
        else:
            # A value that Apache would refuse is a mistake, even where it has no effect.
            if check := config_keys.CHECKED.get(key):
                check(value)
            if not config_keys.harmless(key, value):
                self.ignore(key, config_keys.ignored_reason(key))

    def ignore(self, key: str, reason: str) -> None:
        """Note a key that has no effect."""
        self.no_effect.setdefault(reason, []).append(key)


_DEFAULTS = Config(data_dir=".")
#: What is settled before the rest, so that --port wins over the port of a server line.
_TLS_KEYS = ("ssl", "secure", "client.", "X509", "portUnification")
_SASL_KEYS = ("java.security", "sasl.server", "superUser", "allowSasl", "sessionRequire")
_MEMBERSHIP_KEYS = ("server.", "group.", "weight.", "dynamicConfigFile", "standaloneEnabled")


def load_config(path: str | None, overrides: Mapping[str, str]) -> Loaded:
    """The configuration of file ``path`` (None: defaults only) with ``overrides`` on top.

    Keys of ``overrides`` are those of zoo.cfg or system properties, with or
    without the ``zookeeper.`` prefix. Raises ``ConfigError`` with every problem
    that was found, each naming the key and its value.
    """
    reader = Reader()
    settings = read_settings(path, reader.problems) if path is not None else {}
    in_file = frozenset(settings)
    given = {key.removeprefix(PREFIX): value for key, value in overrides.items()}
    if reader.problems:
        raise ConfigError(reader.problems)
    lines = {key: given.pop(key) for key in list(given) if key.startswith(_MEMBERSHIP_KEYS)}
    settings.update(lines)
    membership = _take_membership(settings, reader)
    settings.update(given)
    _take_tls(settings, reader)
    _take_sasl(settings, reader)
    reader.read(settings)
    _check_timeouts(reader)
    _check_authentication(reader)
    _adjust(reader)
    data_dir = reader.fields.get("data_dir")
    if not isinstance(data_dir, str):
        if "dataDir" not in settings:
            reader.problems.append(
                "dataDir: is required; set it in the file, or give --data-dir DIRECTORY"
            )
    else:
        _look_into(data_dir, reader)
        if membership is not None:
            from zkserver.membership_files import settle_membership

            settle_membership(membership, data_dir, settings, given, reader)
    if path is not None and not (lines.keys() - {"standaloneEnabled"}):
        reader.fields["static_config_file"] = os.path.abspath(path)
    _check_client_address(settings, in_file, reader)
    _name_what_is_in_vain(settings, reader)
    if reader.problems:
        raise ConfigError(reader.problems)
    ignored = [f"{reason}: {', '.join(keys)}" for reason, keys in reader.no_effect.items()]
    reader.fields["given"] = tuple(settings.items())
    _check_admin(reader)
    if reader.problems:
        raise ConfigError(reader.problems)
    # Each value was made by the parser that stands beside its field's name in the tables.
    config = Config(**reader.fields)  # type: ignore[arg-type]
    return Loaded(config, ignored, reader.warnings)


def _take_membership(settings: dict[str, str], reader: Reader) -> Membership | None:
    if not any(key.startswith(_MEMBERSHIP_KEYS) for key in settings):
        return None
    # Imported here: a standalone server does without it.
    from zkserver.membership_files import take_membership

    return take_membership(settings, reader.problems)


def _take_tls(settings: dict[str, str], reader: Reader) -> None:
    if any(key.startswith(_TLS_KEYS) for key in settings):
        # Imported here: a server without TLS does without it.
        from zkserver.config_tls import take_tls

        take_tls(settings, reader)


def _take_sasl(settings: dict[str, str], reader: Reader) -> None:
    if any(key.startswith(_SASL_KEYS) for key in settings):
        # As above.
        from zkserver.config_jaas import take_sasl

        take_sasl(settings, reader)


def _check_client_address(
    settings: Mapping[str, str], in_file: frozenset[str], reader: Reader
) -> None:
    if "client_port" in reader.fields or "clientPort" in settings:
        return
    if "secure_client_port" in reader.fields:
        reader.fields["client_port"] = NO_PORT
        return
    if "clientPortAddress" in in_file:
        reader.problems.append(
            f"clientPortAddress={settings['clientPortAddress']}: needs clientPort beside it"
        )
    elif in_file:
        reader.warnings.append(f"clientPort is not set: using {DEFAULT_CLIENT_PORT}")


def _check_admin(reader: Reader) -> None:
    fields = reader.fields
    if fields.get("admin_force_https") and fields.get("quorum_tls") is None:
        reader.problems.append(
            "admin.forceHttps=true: needs the key store of the links between servers:"
            " ssl.quorum.keyStore.location with sslQuorum=true"
        )


def _name_what_is_in_vain(settings: Mapping[str, str], reader: Reader) -> None:
    """Say which keys only an ensemble would obey."""
    if "membership" not in reader.fields:
        for key in settings:
            if key in config_keys.ENSEMBLE_ONLY:
                reader.ignore(key, config_keys.ENSEMBLE_REASON)


def _number(reader: Reader, field: str) -> int:
    value = reader.fields.get(field, getattr(_DEFAULTS, field))
    return value if isinstance(value, int) else 0


def _check_timeouts(reader: Reader) -> None:
    tick = _number(reader, "tick_time_ms")
    bounds = [-1, -1]
    for index, field in enumerate(("min_session_timeout_ms", "max_session_timeout_ms")):
        value = reader.fields.get(field, -1)
        if value == 0:
            name = ("minSessionTimeout", "maxSessionTimeout")[index]
            reader.problems.append(f"{name}=0: must be above 0, or -1 for the default")
        ticks = (_SESSION_TICKS_MIN, _SESSION_TICKS_MAX)[index]
        bounds[index] = value if isinstance(value, int) and value != -1 else ticks * tick
    if bounds[0] > bounds[1]:
        reader.problems.append(
            f"minSessionTimeout={bounds[0]}: must not be above maxSessionTimeout={bounds[1]} "
            f"(unset, they are {_SESSION_TICKS_MIN} and {_SESSION_TICKS_MAX} times tickTime)"
        )


def _check_authentication(reader: Reader) -> None:
    """enforce.auth.* as AuthenticationHelper checks them: on needs schemes that exist."""
    enforced = reader.fields.pop("enforce_auth", False)
    schemes = reader.fields.pop("enforce_auth_schemes", ())
    available = {"digest", "ip"}
    if reader.fields.get("client_tls") is not None:
        available.add("x509")
    if reader.fields.get("sasl_users") is not None:
        available.add("sasl")
    if enforced and isinstance(schemes, tuple):
        if not schemes:
            reader.problems.append(
                "enforce.auth.enabled=true: needs enforce.auth.schemes=digest (or ip)"
            )
        for scheme in schemes:
            if scheme not in available:
                reader.problems.append(
                    f"enforce.auth.schemes={','.join(schemes)}: the scheme {scheme} is not "
                    f"available here; these are: {', '.join(sorted(available))}"
                )
        if "digest" in schemes and reader.fields.get("digest_auth_enabled") is False:
            reader.problems.append(
                "enforce.auth.schemes=digest: contradicts "
                "DigestAuthenticationProvider.enabled=false"
            )
        reader.fields["enforce_auth_schemes"] = schemes
    elif reader.fields.get("require_sasl"):
        reader.fields["enforce_auth_schemes"] = ("sasl",)
    digest = reader.fields.get("super_digest")
    if digest and not (isinstance(digest, str) and digest.startswith("super:")):
        reader.warnings.append(
            "DigestAuthenticationProvider.superDigest does not start with super:, "
            "so only a user of the name it starts with can match it"
        )


def _adjust(reader: Reader) -> None:
    """Lift values to the minimum that Apache lifts them to, and say so as it does."""
    for key, field, minimum in (
        ("snapCount", "snap_count", _SNAP_COUNT_MIN),
        ("autopurge.snapRetainCount", "snap_retain_count", _SNAP_RETAIN_MIN),
    ):
        if _number(reader, field) < minimum:
            reader.warnings.append(f"{key}={reader.fields[field]}: using the minimum, {minimum}")
            reader.fields[field] = minimum
    allowed = reader.fields.get("four_letter_words", _DEFAULTS.four_letter_words)
    if isinstance(allowed, frozenset):
        strange = sorted(word for word in allowed if word != "*" and len(word.encode()) != 4)
        if strange:
            reader.warnings.append(
                f"4lw.commands.whitelist: {', '.join(strange)}: no word of four letters"
            )
    # FourLetterCommands.resetWhiteList adds isro by itself for read-only mode.
    if reader.fields.get("read_only_mode") and isinstance(allowed, frozenset):
        reader.fields["four_letter_words"] = allowed | {"isro"}


def _look_into(data_dir: str, reader: Reader) -> None:
    """Read dataDir/myid, and hold datadir.autocreate=false."""
    if reader.fields.get("data_dir_autocreate") is False and not os.path.isdir(data_dir):
        reader.problems.append(
            f"dataDir={data_dir}: does not exist, and datadir.autocreate=false forbids making it"
        )
    # Ids of 255 would make session ids look like owners of TTL nodes (EphemeralType).
    highest = 255 if reader.fields.get("extended_types") is False else 254
    try:
        number = read_myid(data_dir, highest)
    except ValueError as error:
        reader.problems.append(str(error))
        return
    if number is not None:
        reader.fields["server_id"] = number
