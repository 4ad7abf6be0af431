"""Auth packets: which identities a client proves.

Source: ``DigestAuthenticationProvider`` and ``NIOServerCnxn``/``ZooKeeperServer.processPacket``.
Digest always succeeds, even for a user whom nobody knows: the identity is a hash of what
was given, and it opens only what was locked with the same hash.
"""

from __future__ import annotations

from zkserver.replica.settings import ReplicaSettings
from zkserver.tree.acl import SUPER, Identities
from zkserver.wire.jute import java_text


def digest_id(secret: bytes, algorithm: str = "sha1") -> bytes:
    """The id of ``user:password``: ``user:base64(hash(user:password))``."""
    # Most servers never see an auth packet, and these two cost a fifth of the start.
    import base64
    import hashlib

    # Java makes a string of it first.
    secret = java_text(secret)
    user = secret.partition(b":")[0]
    return user + b":" + base64.b64encode(hashlib.new(algorithm, secret).digest())


def authenticate(settings: ReplicaSettings, scheme: bytes, secret: bytes) -> Identities | None:
    """The identities that an auth packet adds; ``None`` when it fails."""
    if scheme == b"ip":
        return ()
    if scheme == b"digest" and settings.digest_enabled:
        ident = digest_id(secret, settings.digest_algorithm)
        if settings.super_digest and ident == settings.super_digest.encode():
            return ((b"digest", ident), (SUPER, b""))
        return ((b"digest", ident),)
    return None
