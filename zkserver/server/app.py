"""Puts a server together: recovery, the core, the loop; and the process around it."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from zkserver.config import NO_PORT, Config
from zkserver.config_keys import DIGEST_ALGORITHMS
from zkserver.log_output import log
from zkserver.paxos.ballot import Ballot
from zkserver.paxos.node import alone
from zkserver.replica.core import ReplicaCore
from zkserver.replica.sessions import first_session_id
from zkserver.replica.settings import ReplicaSettings
from zkserver.replica.state import load
from zkserver.replica.throttle import ThrottleSettings
from zkserver.server.client_listener import Listener, listen, ports_of
from zkserver.server.committer import Committer
from zkserver.server.loop import Loop, monotonic_ms
from zkserver.server.snapshotter import Snapshotter
from zkserver.storage import DiskFailed, OsDisk, Recovered, WalOptions, recover
from zkserver.tree.tree import TreeRules

if TYPE_CHECKING:
    from zkserver.replica.audit import Audit
    from zkserver.server.admin_server import AdminServer
    from zkserver.server.ensemble_shell import EnsembleShell
    from zkserver.server.status import FourLetterWords

#: The collector looks at new objects this rarely: the tree holds none it could free.
_GC_THRESHOLDS: Final = (50_000, 50, 100)


def settings_of(config: Config) -> ReplicaSettings:
    """What the core obeys of the configuration."""
    return ReplicaSettings(
        server_id=config.server_id,
        tick_ms=config.tick_time_ms,
        session_timeout_min_ms=config.min_session_timeout_ms,
        session_timeout_max_ms=config.max_session_timeout_ms,
        frame_bytes_max=config.jute_max_buffer_bytes,
        outstanding_max=_outstanding_max(config),
        large_threshold_bytes=config.large_request_threshold_bytes,
        large_bytes_max=config.large_request_max_bytes,
        super_digest=config.super_digest,
        digest_enabled=config.digest_auth_enabled,
        digest_algorithm=DIGEST_ALGORITHMS[config.digest_algorithm],
        enforced_schemes=frozenset(s.encode() for s in config.enforce_auth_schemes),
        container_never_used_ms=config.container_never_used_ms,
        apache_passwords=config.apache_session_passwords,
        throttle=_throttle_of(config),
        ensemble_names=None
        if config.ensemble_names is None
        else frozenset(name.encode() for name in config.ensemble_names),
        sasl_users=config.sasl_users,
        sasl_super_users=frozenset(config.sasl_super_users),
        allow_sasl_failures=config.allow_sasl_failures,
        rules=TreeRules(
            extended_types=config.extended_types,
            enforce_quota=config.enforce_quota,
            skip_acl=config.skip_acl,
            reconfig_enabled=config.reconfig_enabled,
            standalone_enabled=config.standalone_enabled,
            digest_scheme=config.digest_auth_enabled,
            x509_scheme=config.client_tls is not None,
            sasl_scheme=config.sasl_users is not None,
        ),
    )


def _outstanding_max(config: Config) -> int:
    """Requests in work from which on connections are not read: the lower of two limits."""
    throttle = config.request_throttle_max_requests
    return min(config.outstanding_max, throttle) if throttle else config.outstanding_max


def _throttle_of(config: Config) -> ThrottleSettings:
    weighs = config.connection_throttle_weight_enabled
    return ThrottleSettings(
        tokens=config.connection_throttle_tokens,
        fill_time_ms=config.connection_throttle_fill_time_ms,
        fill_count=config.connection_throttle_fill_count,
        freeze_time_ms=config.connection_throttle_freeze_time_ms,
        drop_increase=config.connection_throttle_drop_increase,
        drop_decrease=config.connection_throttle_drop_decrease,
        decrease_ratio=config.connection_throttle_decrease_ratio,
        new_weight=config.connection_throttle_global_session_weight if weighs else 1,
        renew_weight=config.connection_throttle_renew_session_weight if weighs else 1,
    )


class Server:
    """A server that is ready to run: its data recovered, its port bound.

    ``own_process`` is false where the server lives in somebody else's program: then it
    neither forks nor touches what belongs to the process as a whole.
    """

    def __init__(self, config: Config, *, own_process: bool) -> None:
        self.config = config
        self.disk = OsDisk()
        _take_over_apache_data(config, self.disk)
        #: The plain client port first, where there is one.
        self.listeners: list[Listener] = listen(config)
        self.port, self.secure_port = ports_of(self.listeners)
        self.peers: EnsembleShell | None = None
        try:
            self.recovered = self._recover()
            if config.membership is None:
                self.core = self._replay(self.recovered)
            else:
                # A server that is alone does without all of this.
                from zkserver.server.rejoining import rejoin

                seed = first_session_id(config.server_id, time.time_ns() // 1_000_000)
                core = ReplicaCore(settings_of(config), seed, os.urandom)
                self.core = core
                self.peers = rejoin(config, core, self.recovered, self.disk, monotonic_ms())
                _settle_who_is_served(config, core)
        except BaseException:
            for one in self.listeners:
                one.close()
            raise
        core = self.core
        self.committer = Committer(
            core, self.recovered.wal, _warn_slow_flush, config.fsync_warning_ms
        )
        self.snapshotter = Snapshotter(
            core,
            self.committer,
            self.disk,
            self.recovered.snapshot_dir,
            every_entries=config.snap_count,
            keep=config.snap_retain_count,
            fork=own_process,
            since_index=0 if self.recovered.snapshot is None else self.recovered.snapshot.index,
        )
        self.loop = Loop(config, core, self.committer, self.snapshotter, self.listeners, self.peers)
        if self.peers is not None:
            self.committer.exchange = self.peers.exchange
        self._words: FourLetterWords | None = None
        core.four_letter_word = self._four_letter_word

    def _four_letter_word(self, data: bytes) -> bytes | None:
        if not data[:4].isalpha():
            return b""
        return self.words.answer(data)

    @property
    def words(self) -> FourLetterWords:
        """What answers questions about this server."""
        if self._words is None:
            # Imported here: a server that is never asked need not pay for the answers.
            from zkserver.server.status import FourLetterWords

            self._words = FourLetterWords(self)
        return self._words

    def _recover(self) -> Recovered:
        config = self.config
        options = WalOptions(force_sync=config.force_sync)
        recovered = recover(self.disk, config.data_dir, config.data_log_dir, options)
        for note in recovered.notes:
            log("warning", "recovery", note=note)
        return recovered

    def _replay(self, recovered: Recovered) -> ReplicaCore:
        """The core as it was: the newest snapshot, and the log behind it."""
        wall_ms = time.time_ns() // 1_000_000
        seed = first_session_id(self.config.server_id, wall_ms)
        core = ReplicaCore(settings_of(self.config), seed, os.urandom)
        length = 0
        if recovered.snapshot is not None:
            load(core, recovered.blocks())
            core.zxid, length = recovered.snapshot.zxid, recovered.snapshot.index
        for record in recovered.records():
            core.replay(
                record.payload,
                record.zxid,
                record.time_ms,
                first=max(0, length - record.index),
                count=record.count,
            )
            length = record.index + record.count
        ballot = Ballot.unpacked(max(recovered.accepted, recovered.promised))
        node = alone(self.config.server_id, length, core.zxid, ballot)
        core.recovered(node, monotonic_ms())
        return core

    @property
    def state(self) -> str:
        """What this server is, in the words of ``srvr``."""
        if self.core.ensemble is None:
            return "standalone"
        if self.core.ensemble.is_read_only:
            return "read-only"
        if self.core.node.leader is not None:
            return "leader"
        observes = self.config.server_id in self.core.node.configuration.observers
        return "observer" if observes else "follower"

    @property
    def is_in_step(self) -> bool:
        """Whether there is a leader, maybe ourselves, whose sequence we have."""
        ensemble = self.core.ensemble
        return ensemble is None or ensemble.is_in_step

    @property
    def serves(self) -> bool:
        """Whether clients are served, be it with reads only."""
        ensemble = self.core.ensemble
        return ensemble is None or ensemble.is_read_only or ensemble.serves(monotonic_ms())

    def run(self) -> None:
        """Serve until the loop is told to stop; raises ``DiskFailed``."""
        try:
            self.loop.run()
        except BaseException:
            # Nothing may be acknowledged any more; clients find out by the closed sockets.
            self.loop.close()
            self.recovered.close()
            raise
        self.loop.finish()
        self.snapshotter.at_stop()
        self.recovered.close()


def _take_over_apache_data(config: Config, disk: OsDisk) -> None:
    """Import what Apache's server has left in the directories, unless that was done before."""
    if not any(
        os.path.isdir(os.path.join(directory, "version-2"))  # noqa: PTH112, PTH118
        for directory in (config.data_dir, config.data_log_dir)
    ):
        return
    # Few starts need it.
    from zkserver.apache.importing import take_over

    imported = take_over(
        disk,
        config.data_dir,
        config.data_log_dir,
        trust_empty=config.trust_empty_snapshot,
        extended_types=config.extended_types,
    )
    if imported is not None:
        for note in imported.notes:
            log("warning", "import", note=note)
        log("warning", "imported", what=imported.line())


def _settle_who_is_served(config: Config, core: ReplicaCore) -> None:
    """Tell an ensemble's server what it does for clients without a leader, and as the leader."""
    ensemble = core.ensemble
    if ensemble is None:
        return
    ensemble.leader_serves = config.leader_serves
    if config.read_only_mode:
        # Few servers need it.
        from zkserver.replica.read_only import ReadOnly

        ensemble.read_only = ReadOnly(core)


def _warn_slow_flush(took_ms: float) -> None:
    log("warning", "slow_flush", took_ms=round(took_ms))


def _prepare_process() -> None:
    """Settings of the process as a whole: descriptors and the garbage collector."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.set_threshold(*_GC_THRESHOLDS)


def _admin_of(server: Server) -> AdminServer | None:
    if not (server.config.admin_enabled or server.config.metrics_enabled):
        return None
    # As above.
    from zkserver.server.admin_server import AdminServer

    return AdminServer(server)


def _audit_of(server: Server) -> Audit | None:
    if not server.config.audit_enabled:
        return None
    # As above.
    from zkserver.admin.environment import user_name
    from zkserver.log_output import log_audit
    from zkserver.replica.audit import Audit

    audit = server.core.audit = Audit(log_audit, user_name())
    return audit


def _greeting(server: Server) -> list[str]:
    config = server.config
    places = [f"{config.client_address or '*'}:{server.port}"] * (config.client_port != NO_PORT)
    if server.secure_port != NO_PORT:
        secure = config.secure_client_address or config.client_address or "*"
        places.append(f"{secure}:{server.secure_port} (TLS)")
    lines = [f"listening on {' and '.join(places)}, data in {config.data_dir}"]
    if config.tls_auto_directory:
        from zkserver.tls.automatic import hints

        host = config.secure_client_address or config.client_address or "localhost"
        lines += hints(config.tls_auto_directory, f"{host}:{server.secure_port}")
    return lines


def serve(config: Config, notes: list[str]) -> int:
    """Run a server in this process until SIGTERM or SIGINT; returns the exit code.

    Prints a line on standard output when it listens, and what clients need for certificates that
    were made for them. Raises ``StartError`` and the
    errors of recovery when it cannot start.
    """
    _prepare_process()
    # Loading makes nothing that could be collected.
    gc.disable()
    server = Server(config, own_process=True)
    gc.freeze()
    gc.enable()

    def on_signal(number: int, frame: object) -> None:
        del number, frame
        server.loop.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    for note in notes:
        sys.stderr.write(f"zkserver: {note}\n")
    admin = _admin_of(server)
    audit = _audit_of(server)
    for line in [*_greeting(server), *(admin.places if admin is not None else ())]:
        sys.stdout.write(f"zkserver: {line}\n")
    sys.stdout.flush()
    if admin is not None:
        admin.start()
    if audit is not None:
        audit.server("serverStart", "success")
    try:
        server.run()
    except DiskFailed as failure:
        log("error", "disk_failed", why=str(failure))
        sys.stderr.write(
            f"zkserver: stopped: {failure}; every acknowledged write is kept,"
            " free space or mend the disk, then start again\n"
        )
        return 1
    finally:
        if admin is not None:
            admin.stop()
        if audit is not None:
            audit.server("serverStop", "invoked")
    return 0
