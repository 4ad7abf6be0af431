"""What each configuration key means to us: obeyed, kept, ignored or refused.

Every documented key of Apache ZooKeeper is in exactly one of the tables below
(``zoo.cfg`` keys as well as system properties, which are written here without
their ``zookeeper.`` prefix). Nothing is dropped in silence: a key which has no
effect here is named when the server starts, and one whose neglect would break
a promise (encryption, authentication, replication) stops the start instead.

Source: Apache's QuorumPeerConfig.parseProperties and its administrator's guide.
"""

from __future__ import annotations

from collections.abc import Callable

Parser = Callable[[str], object]

_INT_MAX = 2**31 - 1


def whole(low: int, high: int = _INT_MAX) -> Parser:
    """A parser of integers in ``low..high``, decimal or ``0x`` hexadecimal (Integer.decode)."""

    def parse(text: str) -> int:
        try:
            number = int(text, 16 if text.lower().startswith(("0x", "-0x")) else 10)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(
                f"must be a whole number of at least {low}"
                if high == _INT_MAX
                else f"must be a whole number from {low} to {high}"
            )
        return number

    return parse


def fraction(text: str) -> float:
    """A number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    # The comparison is written so that NaN fails it.
    if not 0 <= number < float("inf"):
        raise ValueError("must be a number of at least 0")
    return number


def true_or_false(text: str) -> bool:
    """``true`` or ``false`` in any case, as QuorumPeerConfig.parseBoolean takes them."""
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def yes_or_no(text: str) -> bool:
    """``yes`` or ``no``: the two old switches skipACL and forceSync use these words."""
    if text.lower() not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text.lower() == "yes"


def nonempty(text: str) -> str:
    """Any text but none."""
    if not text:
        raise ValueError("must not be empty")
    return text


def host(text: str) -> str:
    """A host name or address; the brackets of an IPv6 address are taken off."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if any(char in text for char in " \t/[]"):
        raise ValueError("must be a host name or an address")
    return text


def hours(text: str) -> float:
    """Hours as a number; ``30m``, ``12h`` and ``1d`` as ZooKeeper 3.10 takes them."""
    units = {"m": 1 / 60, "h": 1.0, "d": 24.0}
    scale = units.get(text[-1:].lower(), 0.0)
    digits = text[:-1] if scale else text
    if not digits.isdecimal():
        raise ValueError("must be a number of hours, or one with a unit: 30m, 12h, 1d")
    return int(digits) * (scale or 1.0)


def words(text: str) -> frozenset[str]:
    """A comma separated list; any ``*`` in it stands for everything."""
    found = frozenset(word.strip() for word in text.split(",") if word.strip())
    return frozenset({"*"}) if "*" in found else found


def names(text: str) -> tuple[str, ...]:
    """A comma separated list in its order."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def url_path(text: str) -> str:
    """The path under which something is served."""
    if not text.startswith("/") or any(char in text for char in " \t?#{}"):
        raise ValueError("must be a path that begins with /")
    return text


def metrics_provider(text: str) -> bool:
    """The name of a class of Apache's: whether it is the one for Prometheus."""
    known = {"DefaultMetricsProvider": False, "PrometheusMetricsProvider": True}
    name = text.rpartition(".")[2]
    if name not in known:
        raise ValueError("must be DefaultMetricsProvider or PrometheusMetricsProvider")
    return known[name]


#: Java's names of message digests and what hashlib calls them.
DIGEST_ALGORITHMS = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA1": "sha1",
    "SHA-1": "sha1",
    "SHA-224": "sha224",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
    "SHA3-224": "sha3_224",
    "SHA3-256": "sha3_256",
    "SHA3-384": "sha3_384",
    "SHA3-512": "sha3_512",
}


def digest_algorithm(text: str) -> str:
    """Java's name of a message digest, in capitals."""
    if text.upper() not in DIGEST_ALGORITHMS:
        raise ValueError("must be one of " + ", ".join(DIGEST_ALGORITHMS))
    return text.upper()


def compatible_data_dir(text: str) -> str:
    """A directory's path."""
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    return nonempty(text)


#: Keys with a field of ``Config`` that the server acts upon.
OBEYED: dict[str, tuple[str, Parser]] = {
    "dataDir": ("data_dir", compatible_data_dir),
    "dataLogDir": ("data_log_dir", compatible_data_dir),
    "clientPort": ("client_port", whole(0, 65535)),
    "clientPortAddress": ("client_address", host),
    "tickTime": ("tick_time_ms", whole(1)),
    "minSessionTimeout": ("min_session_timeout_ms", whole(-1)),
    "maxSessionTimeout": ("max_session_timeout_ms", whole(-1)),
    "maxClientCnxns": ("connections_per_address_max", whole(0)),
    "maxCnxns": ("connections_max", whole(0)),
    "clientPortListenBacklog": ("listen_backlog", whole(-1)),
    # The handshake is a frame of 45 bytes, so anything below it shuts every client out.
    "jute.maxbuffer": ("jute_max_buffer_bytes", whole(64)),
    "globalOutstandingLimit": ("outstanding_max", whole(1)),
    "nio.sessionlessCnxnTimeout": ("sessionless_timeout_ms", whole(1)),
    "snapCount": ("snap_count", whole(0)),
    "autopurge.snapRetainCount": ("snap_retain_count", whole(0)),
    "forceSync": ("force_sync", yes_or_no),
    "fsync.warningthresholdms": ("fsync_warning_ms", whole(0)),
    "datadir.autocreate": ("data_dir_autocreate", true_or_false),
    "4lw.commands.whitelist": ("four_letter_words", words),
    "readonlymode.enabled": ("read_only_mode", true_or_false),
    "initLimit": ("init_limit", whole(0)),
    "syncLimit": ("sync_limit", whole(0)),
    "standaloneEnabled": ("standalone_enabled", true_or_false),
    "dynamicConfigFile": ("dynamic_config_file", nonempty),
    "leaderServes": ("leader_serves", yes_or_no),
    "quorumListenOnAllIPs": ("quorum_listen_on_all_ips", true_or_false),
    "extendedTypesEnabled": ("extended_types", true_or_false),
    "enforceQuota": ("enforce_quota", true_or_false),
    "reconfigEnabled": ("reconfig_enabled", true_or_false),
    "znode.container.checkIntervalMs": ("container_check_interval_ms", whole(1)),
    "znode.container.maxPerMinute": ("container_max_per_minute", whole(1)),
    "znode.container.maxNeverUsedIntervalMs": ("container_never_used_ms", whole(0)),
    "snapshot.trust.empty": ("trust_empty_snapshot", true_or_false),
    # No key of Apache's: for the time of a migration, so that there is a way back.
    "apacheSessionPasswords": ("apache_session_passwords", true_or_false),
    "skipACL": ("skip_acl", yes_or_no),
    "DigestAuthenticationProvider.enabled": ("digest_auth_enabled", true_or_false),
    "DigestAuthenticationProvider.superDigest": ("super_digest", str),
    "DigestAuthenticationProvider.digestAlg": ("digest_algorithm", digest_algorithm),
    "request_throttle_max_requests": ("request_throttle_max_requests", whole(0)),
    # The documentation's name of the same setting.
    "requestThrottleLimit": ("request_throttle_max_requests", whole(0)),
    "largeRequestMaxBytes": ("large_request_max_bytes", whole(0)),
    "largeRequestThreshold": ("large_request_threshold_bytes", whole(-1)),
    "audit.enable": ("audit_enabled", true_or_false),
    "admin.enableServer": ("admin_enabled", true_or_false),
    "admin.serverAddress": ("admin_address", host),
    "admin.serverPort": ("admin_port", whole(0, 65535)),
    "admin.commandURL": ("admin_url", url_path),
    "admin.idleTimeout": ("admin_idle_timeout_ms", whole(1)),
    "admin.forceHttps": ("admin_force_https", true_or_false),
    "admin.needClientAuth": ("admin_need_client_auth", true_or_false),
    "admin.snapshot.enabled": ("admin_snapshot_enabled", true_or_false),
    "admin.restore.enabled": ("admin_restore_enabled", true_or_false),
    "admin.rateLimiterIntervalInMS": ("admin_rate_limit_ms", whole(0)),
    "metricsProvider.className": ("metrics_enabled", metrics_provider),
    "metricsProvider.httpHost": ("metrics_address", host),
    "metricsProvider.httpPort": ("metrics_port", whole(0, 65535)),
    "metricsProvider.exportJvmInfo": ("metrics_process_info", true_or_false),
    "ensembleAuthName": ("ensemble_names", names),
    "enforce.auth.enabled": ("enforce_auth", true_or_false),
    "enforce.auth.schemes": ("enforce_auth_schemes", names),
    "connection_throttle_tokens": ("connection_throttle_tokens", whole(0)),
    "connection_throttle_fill_time": ("connection_throttle_fill_time_ms", whole(1)),
    "connection_throttle_fill_count": ("connection_throttle_fill_count", whole(0)),
    "connection_throttle_freeze_time": ("connection_throttle_freeze_time_ms", whole(-1)),
    "connection_throttle_drop_increase": ("connection_throttle_drop_increase", fraction),
    "connection_throttle_drop_decrease": ("connection_throttle_drop_decrease", fraction),
    "connection_throttle_decrease_ratio": ("connection_throttle_decrease_ratio", fraction),
    "connection_throttle_weight_enabled": ("connection_throttle_weight_enabled", true_or_false),
    "connection_throttle_global_session_weight": (
        "connection_throttle_global_session_weight",
        whole(0),
    ),
    "connection_throttle_renew_session_weight": (
        "connection_throttle_renew_session_weight",
        whole(0),
    ),
    "connection_throttle_local_session_weight": (
        "connection_throttle_local_session_weight",
        whole(0),
    ),
}

#: Keys among them that a standalone server is given in vain.
ENSEMBLE_ONLY = frozenset(("initLimit", "syncLimit", "leaderServes", "quorumListenOnAllIPs"))
ENSEMBLE_REASON = "only servers of an ensemble use"

_QUORUM = "settings of Apache's protocol between servers; the one here is a different one"
_LOCAL = "all sessions are global ones here, which may do whatever a local one may"
_JAVA = "settings of Java's networking, threads and caches, which do not exist here"
_STORAGE = "settings of Apache's own files; the storage here is a different one"
_WAITING = "requests wait unread in their sockets, so none of them gets stale in the server"
_PURGE = "old snapshots and logs are always purged"
_EXTRA_SIZE = "no string can be longer than its frame, so jute.maxbuffer bounds it"
_IMPORT = "TTL znodes as 3.5.3 alone wrote them are not imported as such"
_AUDIT = "a Java class cannot be loaded; the audit log is among the server's own lines"
_TLS = "TLS is OpenSSL's here, in the mode that the system has set for it"
_SASL = "only DIGEST-MD5 is available, and only for clients of this server"
_ADMIN = "the AdminServer speaks plain HTTP, or HTTPS alone with admin.forceHttps"
_METRICS = "the Prometheus endpoint is plain HTTP without further settings"

#: Keys which are accepted without effect, grouped by the reason told at start.
IGNORED: dict[str, tuple[str, ...]] = {
    _QUORUM: (
        "connectToLearnerMasterLimit", "syncEnabled", "observerMasterPort", "oraclePath",
        "cnxTimeout", "quorumCnxnTimeoutMs", "maxTimeToWaitForEpoch", "tcpKeepAlive",
    ),
    _LOCAL: ("localSessionsEnabled", "localSessionsUpgradingEnabled"),
    _JAVA: (
        "serverCnxnFactory", "clientTcpKeepAlive", "watchManagerName", "bitHashCacheSize",
        "maxInProcessingDeadWatchers", "maxResponseCacheSize", "maxGetChildrenResponseCacheSize",
        "forward_learner_requests_to_commit_processor_disabled", "enableEagerACLCheck",
        "jmx", "jmx.log4j.disable", "skipDNSCheck",
        "IPAuthenticationProvider.usexforwardedfor", "jvm.pause.warn-threshold.ms",
    ),
    _STORAGE: (
        "preAllocSize", "snapSizeLimitInKb", "txnLogSizeLimitInKb", "flushDelay",
        "maxWriteQueuePollTime", "maxBatchSize", "commitLogCount", "snapshot.compression.method",
        "digest.enabled", "serializeLastProcessedZxid.enabled",
        "closeSessionTxn.enabled", "snapshot.trust",
    ),
    _PURGE: ("autopurge.purgeInterval",),
    _WAITING: (
        "request_throttle_stall_time", "request_throttle_drop_stale",
        "request_stale_latency_check", "request_stale_connection_check",
        "request_throttler.shutdownTimeout", "throttled_op_wait_time",
    ),
    _EXTRA_SIZE: ("jute.maxbuffer.extrasize",),
    _IMPORT: ("emulate353TTLNodes",),
    _AUDIT: ("audit.impl.class",),
    _TLS: ("fips-mode",),
    _SASL: ("letAnySaslUserDoX",),
}  # fmt: skip

#: The same for whole families of keys; the first prefix that fits decides.
IGNORED_PREFIXES: tuple[tuple[str, str], ...] = (
    ("multiAddress.", _QUORUM),
    ("quorum.", _QUORUM),
    ("leader.", _QUORUM),
    ("learner.", _QUORUM),
    ("follower.", _QUORUM),
    ("observer.", _QUORUM),
    ("fastleader.", _QUORUM),
    ("electionPort", _QUORUM),
    ("commitProcessor.", _JAVA),
    ("nio.", _JAVA),
    ("netty.", _JAVA),
    ("jvm.pause.", _JAVA),
    ("watcherClean", _JAVA),
    ("pathStats.", _JAVA),
    ("messageTracker.", _JAVA),
    ("sasl.", _SASL),
    ("kerberos.", _SASL),
    ("admin.", _ADMIN),
    ("metricsProvider.", _METRICS),
)

#: Keys without effect whose values Apache checks, so a mistake in them is told all the same.
CHECKED: dict[str, Parser] = {
    "connectToLearnerMasterLimit": whole(0),
    "observerMasterPort": whole(0, 65535),
    "syncEnabled": true_or_false,
    "request_throttle_stall_time": whole(0),
    "request_throttle_drop_stale": true_or_false,
    "request_stale_latency_check": true_or_false,
    "request_stale_connection_check": true_or_false,
    "request_throttler.shutdownTimeout": whole(0),
    "throttled_op_wait_time": whole(0),
    "localSessionsEnabled": true_or_false,
    "localSessionsUpgradingEnabled": true_or_false,
    "jute.maxbuffer.extrasize": whole(-1),
    "autopurge.purgeInterval": hours,
    "emulate353TTLNodes": true_or_false,
}

_NOT_YET = "not available in this version"

#: Switches which must stay off, with the reason; any other key of a family is ignored.
REFUSED_WHEN_TRUE: dict[str, str] = {
    "quorum.auth.enableSasl": f"SASL is {_NOT_YET}; set it to false",
    "quorum.auth.learnerRequireSasl": f"SASL is {_NOT_YET}; set it to false",
    "quorum.auth.serverRequireSasl": f"SASL is {_NOT_YET}; set it to false",
}


def refusal(key: str, value: str) -> str | None:
    """Why ``key=value`` cannot be accepted, or None."""
    if key in REFUSED_WHEN_TRUE:
        return REFUSED_WHEN_TRUE[key] if true_or_false(value) else None
    if key == "electionAlg" and value != "3":
        return "only 3 is supported"
    if key == "peerType" and value.lower() not in ("participant", "observer"):
        return "must be participant or observer"
    if key == "db.autocreate" and not true_or_false(value):
        return f"refusing to serve an empty data directory is {_NOT_YET}; set it to true"
    if key.startswith("authProvider."):
        return _auth_provider_refusal(value)
    return None


def _auth_provider_refusal(class_name: str) -> str | None:
    name = class_name.rpartition(".")[2]
    # The first two are registered in every server, the others where TLS or SASL is configured.
    if name in (
        "DigestAuthenticationProvider",
        "IPAuthenticationProvider",
        "EnsembleAuthenticationProvider",
        "X509AuthenticationProvider",
        "SASLAuthenticationProvider",
    ):
        return None
    return "only digest, ip, x509, sasl and ensemble are available; a Java class cannot be loaded"


def harmless(key: str, value: str) -> bool:
    """Whether a key without a field says only what is the case here anyway."""
    if key in REFUSED_WHEN_TRUE:
        return True
    # The server lines decide about the role; a contradiction is told where they are read.
    if key in ("db.autocreate", "electionAlg", "peerType"):
        return True
    if key.startswith("authProvider."):
        return True
    if key == "autopurge.purgeInterval":
        return hours(value) > 0
    return False


def ignored_reason(key: str) -> str:
    """Why a key without a field has no effect; for unknown ones too."""
    for reason, keys in IGNORED.items():
        if key in keys:
            return reason
    for prefix, reason in IGNORED_PREFIXES:
        if key.startswith(prefix):
            return reason
    return "not a setting of ZooKeeper that this server knows"
