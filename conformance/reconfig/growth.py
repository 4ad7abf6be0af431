"""The steps by which an ensemble grows and shrinks under its writers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from conformance.clients.java.toolchain import debian_classpath, run_java
from conformance.ensembles import Ensemble, Member
from conformance.membership import HOST
from conformance.reconfig.load import Writer, missing_writes

#: ``super:conformance`` as the servers take it.
_SUPER = "super:iLSUqf7AtRIvt2vNHu6CiDS0L1A="
_SUPER_AUTH = "super:conformance"
SETTINGS = {
    "reconfigEnabled": "true",
    "standaloneEnabled": "false",
    "DigestAuthenticationProvider.superDigest": _SUPER,
    "maxClientCnxns": "0",
}
_QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=off",)


class ReconfigError(Exception):
    """A reconfig was refused, or did not do what it was asked for."""


@dataclass(slots=True)
class Growth:
    """An ensemble, its writers, and the steps that change it."""

    ensemble: Ensemble
    #: Of load behind each step.
    seconds: float
    #: Told what happened, in a line.
    tell: Callable[[str], None] = print
    writers: list[Writer] = field(default_factory=list)

    @property
    def hosts(self) -> str:
        """The servers that run."""
        running = [m for m in self.ensemble.members if m.running]
        return ",".join(f"{HOST}:{member.port}" for member in running)

    def begin(self, count: int) -> None:
        """Start ``count`` writers."""
        self.writers = [Writer(f"writer-{number}", self.hosts) for number in range(count)]
        for writer in self.writers:
            writer.start()

    def join(self, count: int, *, by_cli: bool) -> None:
        """Start ``count`` more servers and take them in."""
        joining = [self.ensemble.add_member() for _ in range(count)]
        for member in joining:
            member.launch()
        # Those who join have to be in step before, or there would be no quorum of the new ones.
        self.ensemble.wait_serving(joining)
        lines = [member.place.joining for member in joining]
        self._reconfig(by_cli, joining=",".join(lines))
        self.ensemble.wait_serving(joining)
        self._settled()

    def leave(self, count: int, *, by_cli: bool) -> None:
        """Take the ``count`` youngest servers out, and end them."""
        leaving = self.ensemble.members[-count:]
        ids = [str(member.server_id) for member in leaving]
        self._reconfig(by_cli, leaving=",".join(ids))
        rest = self.ensemble.members[:-count]
        for writer in self.writers:
            writer.use(",".join(f"{HOST}:{member.port}" for member in rest))
        for member in leaving:
            member.stop()
            self.ensemble.members.remove(member)
            self.ensemble.places.remove(member.place)
        self.ensemble.wait_serving(rest)
        self._settled()

    def _reconfig(self, by_cli: bool, *, joining: str = "", leaving: str = "") -> None:
        began = time.monotonic()
        shown = self._by_cli(joining, leaving) if by_cli else self._by_kazoo(joining, leaving)
        wanted = [line for line in joining.split(",") if line]
        gone = [f"server.{server_id}=" for server_id in leaving.split(",") if server_id]
        if any(line not in shown for line in wanted) or any(line in shown for line in gone):
            raise ReconfigError(f"joining {joining!r}, leaving {leaving!r} gave {shown!r}")
        self.tell(
            f"{'zkCli' if by_cli else 'kazoo'}: {len(wanted)} join, {len(gone)} leave, "
            f"answered after {time.monotonic() - began:.2f} s"
        )

    def _by_kazoo(self, joining: str, leaving: str) -> str:
        client = KazooClient(self.hosts, timeout=10.0, auth_data=[("digest", _SUPER_AUTH)])
        client.start(30.0)
        try:
            # Its own connection may be lost as well, and the same change may be asked twice.
            data, _ = client.retry(
                client.reconfig, joining=joining or None, leaving=leaving or None, new_members=None
            )
            return str(data.decode())
        except KazooException as error:
            raise ReconfigError(f"kazoo raises {error!r}") from error
        finally:
            client.stop()
            client.close()

    def _by_cli(self, joining: str, leaving: str) -> str:
        change = f"-add {joining}" if joining else f"-remove {leaving}"
        commands = (f"addauth digest {_SUPER_AUTH}", f"reconfig {change}", "config", "quit")
        done = run_java(
            "org.apache.zookeeper.ZooKeeperMain",
            debian_classpath(),
            ["-server", self.hosts],
            stdin="".join(f"{command}\n" for command in commands),
            options=_QUIET,
            merge_errors=True,
        )
        config = done.stdout.rpartition("Committed new configuration")[2]
        if not config:
            raise ReconfigError(f"zkCli says {done.stdout}")
        return config

    def _settled(self) -> None:
        """Let the clients use the servers that there are, and write for a while."""
        for writer in self.writers:
            writer.use(self.hosts)
        time.sleep(self.seconds)
        leader = self.ensemble.leader()
        self.tell(
            f"{len(self.ensemble.members)} servers, "
            f"leader {leader.server_id if leader else 'unknown'}, "
            f"{sum(w.outcomes['answered'] for w in self.writers)} writes answered so far"
        )

    def missing(self) -> list[str]:
        """What the servers that run lack of what was answered."""
        running = [member for member in self.ensemble.members if member.running]
        return [what for member in running for what in _missing_on(member, self.writers)]

    def verdict(self) -> list[str]:
        """End the load; what went wrong."""
        for writer in self.writers:
            writer.stop()
        problems = self.missing()
        for writer in self.writers:
            problems += [f"{writer.name}: {n} x {name}" for name, n in writer.failures.items()]
        return problems


def _missing_on(member: Member, writers: list[Writer]) -> list[str]:
    """What one server lacks of what was answered."""
    client = KazooClient(f"{HOST}:{member.port}", timeout=10.0)
    client.start(30.0)
    try:
        missing = missing_writes(writers, client)
    finally:
        client.stop()
        client.close()
    return [f"on server {member.server_id}: {what}" for what in missing]
