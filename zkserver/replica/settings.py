"""The settings that the core obeys, apart from those of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zkserver.replica.throttle import ThrottleSettings
from zkserver.tree.tree import TreeRules


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """What :class:`zkserver.replica.core.ReplicaCore` needs of the configuration."""

    server_id: int = 0
    tick_ms: int = 3000
    session_timeout_min_ms: int = 6000
    session_timeout_max_ms: int = 60000
    #: The largest request frame (``jute.maxbuffer``), bytes, without its length prefix.
    frame_bytes_max: int = 0xFFFFF
    #: Requests in work from which on connections with pending ones are not read.
    outstanding_max: int = 1000
    #: From which size on a request is large, and how much of such may be in work, bytes.
    large_threshold_bytes: int = -1
    large_bytes_max: int = 100 * 1024 * 1024
    #: ``user:base64(sha1)`` of the super user, empty for none.
    super_digest: str = ""
    digest_enabled: bool = True
    #: Hash of the digest scheme, as hashlib names it.
    digest_algorithm: str = "sha1"
    #: Schemes of which a connection needs one before it may do anything; empty: none needed.
    enforced_schemes: frozenset[bytes] = frozenset()
    #: Names that a client may give us by the scheme ``ensemble``; None: nobody asks.
    ensemble_names: frozenset[bytes] | None = None
    #: Passwords of the users who log in by SASL; None: there is no SASL.
    sasl_users: Mapping[str, str] | None = None
    #: Those among them who may do everything.
    sasl_super_users: frozenset[str] = frozenset()
    #: Who fails to log in goes on without an identity.
    allow_sasl_failures: bool = False
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    container_never_used_ms: int = 0
    #: New sessions get the passwords that Apache's servers compute, not random ones.
    apache_passwords: bool = False
    rules: TreeRules = field(default_factory=TreeRules)
