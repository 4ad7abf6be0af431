"""The links of one server to the others: who dials whom, the handshake, and messages.

There is one link between two servers. **Who dials**: of two servers that list each other,
the one with the greater id. A server that the other one does not list, because it is only
about to join, has to dial whatever its id is; and since nobody knows what others list, a
server calls the greater ones too. One that lists it answers "I call you back" and does so at
once; one that does not list it accepts. Thus whoever is dialled knows which of the two is
to dial, no pair ever gets two links, and a server that was restarted is linked as soon as
it has called.

A new connection of a server replaces the one it had, which it has given up or lost without
our having noticed. Nothing is resumed: what was under way on a link is lost with it, which
Paxos expects. A link ends when it fails, when its peer breaks the protocol, and when its
peer does not take what it is sent.

The shell calls :meth:`PeerLinks.ready` for the events of the descriptors in ``fds``,
:meth:`PeerLinks.tick` every few milliseconds to some ten of them, and
:meth:`PeerLinks.flush` at the end of a turn. The callbacks come out of these three and of
:meth:`PeerLinks.set_addresses`, never out of a send; and nothing is raised that has to do
with a peer or a socket.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from zkserver.errors import PeerProtocolError
from zkserver.limits import RECEIVE_BYTES
from zkserver.log_output import log
from zkserver.replica.peer_codec import Encoder, decode
from zkserver.replica.peer_messages import LinkMessage
from zkserver.server.listening import reason_of
from zkserver.server.peer_dialling import HELD_MS, Dial
from zkserver.server.peer_socket import PeerListener, PeerSocket, Stage
from zkserver.server.poller import WRITABLE, Poller
from zkserver.wire.peer import (
    CLUSTER_ID_BYTES,
    FRAME_BYTES_MAX,
    NO_CLUSTER_ID,
    VERSION_MAX,
    VERSION_MIN,
    Answer,
    Hello,
    Verdict,
    agreed_version,
    clusters_differ,
    frame,
    pack_answer,
    pack_hello,
    read_answer,
    read_hello,
    why_refused,
)

if TYPE_CHECKING:
    from zkserver.server.peer_security import PeerSecurity

#: Bytes that may wait for a server, beside the largest frame among them. A leader keeps at
#: most 16 MiB of records under way to a follower; more means that it takes nothing.
OUTPUT_BYTES_MAX: Final = 64 * 1024 * 1024
#: A connection that was accepted is closed when no hello has come by then.
HANDSHAKE_MS: Final = 3_000
#: Dialling is given up after this and begun anew. TCP repeats itself after one second and
#: then more and more rarely, which is too rare for a network that has just come back.
CONNECT_MS: Final = 1_500
#: How many failures in a row to dial a server are worth a line in the log.
_FAILURES_LOGGED: Final = 6
#: Connections whose hello has not come; when more come, the oldest goes.
_CALLERS_MAX: Final = 64
#: So much of one link is read in a turn, in units of ``RECEIVE_BYTES``.
_RECEIVES_PER_TURN: Final = 16
#: How often the files of certificates are looked at.
_RENEWAL_MS: Final = 1_000
#: Complaints that are remembered so as not to be repeated.
_COMPLAINTS_MAX: Final = 1024


def _is_server_id(peer_id: int) -> bool:
    return 1 <= peer_id <= 255


class PeerLinks:
    """All links of the server ``own_id``.

    ``cluster_id`` gives the ensemble's id, of 16 bytes, or nothing or zeros as long as it is
    not known. ``addresses`` says where the other servers are; our own may be among them.
    ``accepts_strangers`` decides about servers that are not. ``below`` draws a number from 0
    to below its argument. ``output_bytes_max`` is :data:`OUTPUT_BYTES_MAX` but in tests.
    """

    def __init__(
        self,
        own_id: int,
        cluster_id: Callable[[], bytes],
        addresses: Mapping[int, tuple[str, int]],
        poller: Poller,
        on_linked: Callable[[int], None],
        on_unlinked: Callable[[int], None],
        on_message: Callable[[int, LinkMessage], None],
        *,
        accepts_strangers: Callable[[int], bool] = _is_server_id,
        below: Callable[[int], int] = random.randrange,
        output_bytes_max: int = OUTPUT_BYTES_MAX,
    ) -> None:
        self.own_id = own_id
        self.poller = poller
        self.output_bytes_max = output_bytes_max
        #: Server id -> the link to it that is up.
        self.links: dict[int, PeerSocket] = {}
        #: The descriptors whose events are for :meth:`ready`; None for the listening one.
        self.fds: dict[int, PeerSocket | None] = {}
        self._cluster_id = cluster_id
        self._on_linked = on_linked
        self._on_unlinked = on_unlinked
        self._on_message = on_message
        self._accepts_strangers = accepts_strangers
        #: TLS, where there is any.
        self.security: PeerSecurity | None = None
        self._below = below
        #: The servers that are listed, without ourselves.
        self._dials: dict[int, Dial] = {}
        #: Connections that are no links yet, oldest first.
        self._opening: dict[PeerSocket, None] = {}
        #: Links that something was queued for.
        self._dirty: dict[PeerSocket, None] = {}
        self._encoder = Encoder()
        self._listener = PeerListener(poller)
        #: Time of the last event, monotonic milliseconds.
        self._now_ms = 0
        self._checked_cluster_id = NO_CLUSTER_ID
        self._renewal_ms = 0
        #: (server or host, why) that were logged since that server was last in order.
        self._complaints: dict[tuple[str, str], None] = {}
        self.set_addresses(addresses)

    # What the shell calls.

    def listen(self, host: str, port: int) -> int:
        """Accept other servers at this address, and no longer at the one before.

        An empty ``host`` means all addresses, port 0 any; returns the port. Raises
        :class:`~zkserver.errors.StartError`, and then nothing has changed.
        """
        self.fds.pop(self._listener.fd, None)
        try:
            return self._listener.open(host, port)
        finally:
            if self._listener.fd >= 0:
                self.fds[self._listener.fd] = None

    def set_addresses(self, addresses: Mapping[int, tuple[str, int]]) -> None:
        """From now on these are the servers that are listed.

        A link to a server that is no longer listed goes on if strangers are accepted. A link
        to one that has moved is cut if we have dialled it, since its old place no longer counts.
        """
        for peer_id, dial in tuple(self._dials.items()):
            if addresses.get(peer_id) == (dial.host, dial.port):
                continue
            del self._dials[peer_id]
            if dial.call is not None:
                self._drop(dial.call, "is listed elsewhere now")
            link = self.links.get(peer_id)
            if link is None:
                continue
            if peer_id not in addresses:
                if not self._accepts_strangers(peer_id):
                    self._drop(link, "is no longer listed")
            elif link.is_dialled:
                self._drop(link, "is listed elsewhere now")
        for peer_id, (host, port) in addresses.items():
            if peer_id != self.own_id and peer_id not in self._dials:
                self._dials[peer_id] = Dial(host, port, self._now_ms, self._below)

    def ready(self, fd: int, mask: int, now_ms: int) -> None:
        """Something happened at one of ``fds``."""
        self._now_ms = now_ms
        if fd not in self.fds:
            # It was closed by an event before this one.
            return
        link = self.fds[fd]
        if link is None:
            self._accept()
        elif link.stage is Stage.CONNECTING:
            self._reached(link)
        else:
            if mask & WRITABLE and not link.flush():
                self._drop(link, link.doom)
            elif mask & ~WRITABLE:
                self._read(link)

    def tick(self, now_ms: int) -> None:
        """Time went by: give up what takes too long, dial who is due."""
        self._now_ms = now_ms
        self._listener.resume()
        if self.security is not None and now_ms >= self._renewal_ms:
            self._renewal_ms = now_ms + _RENEWAL_MS
            self.security.renew()
        for link in tuple(self._opening):
            age_ms = now_ms - link.since_ms
            if link.stage is Stage.CONNECTING:
                if age_ms >= CONNECT_MS:
                    self._drop(link, f"not connected within {CONNECT_MS} ms")
            elif age_ms >= HANDSHAKE_MS:
                why = f"no handshake within {HANDSHAKE_MS} ms"
                self._complain(link, why, "peer_refused")
                self._drop(link, why)
        self._check_clusters()
        for peer_id, dial in tuple(self._dials.items()):
            if dial.call is None and now_ms >= dial.due_ms and peer_id not in self.links:
                self._dial(peer_id, dial)

    def send(self, peer_id: int, message: LinkMessage) -> None:
        """Send a message at the next :meth:`flush`; it is lost if there is no link."""
        link = self.links.get(peer_id)
        if link is None:
            return
        try:
            link.queue(self._encoder.frame(message), self.output_bytes_max)
        except OverflowError as error:
            link.doom = str(error)
        self._dirty[link] = None

    def send_encoded(self, peer_id: int, framed: bytes | bytearray) -> None:
        """Like :meth:`send`, for a frame made before, which is not to be changed any more."""
        link = self.links.get(peer_id)
        if link is not None:
            link.queue(framed, self.output_bytes_max)
            self._dirty[link] = None

    def backlog_bytes(self, peer_id: int) -> int:
        """How much waits to be sent to a server; who has much for it sends it by and by."""
        link = self.links.get(peer_id)
        return 0 if link is None else link.out_bytes

    @property
    def has_output(self) -> bool:
        """Whether :meth:`flush` has something to do."""
        return bool(self._dirty)

    def flush(self) -> None:
        """Send what was queued, as far as the sockets take it."""
        while self._dirty:
            links = tuple(self._dirty)
            self._dirty.clear()
            for link in links:
                if link.stage is not Stage.CLOSED and not link.flush():
                    self._drop(link, link.doom)
        self._encoder.forget()

    def close(self) -> None:
        """Close everything; nobody is told."""
        self._listener.close()
        for link in tuple(self.fds.values()):
            if link is not None:
                link.close()
        for table in (self.fds, self.links, self._opening, self._dirty, self._dials):
            table.clear()

    # Being dialled.

    def _accept(self) -> None:
        calls, obstacle = self._listener.accept()
        if obstacle:
            log("warning", "cannot_accept_servers", why=obstacle)
        for sock, address in calls:
            link = PeerSocket(sock, Stage.CALLED, address, self.poller, self._now_ms)
            self._open(link)
            if self.security is not None:
                self._secure(link, self.security.was_called)
        callers = [link for link in self._opening if link.stage is Stage.CALLED]
        for link in callers[:-_CALLERS_MAX]:
            self._drop(link, "too many callers")

    def _secure(self, link: PeerSocket, how: Callable[[PeerSocket], None]) -> bool:
        try:
            how(link)
        except OSError as error:
            self._drop(link, reason_of(error))
            return False
        return True

    def _open(self, link: PeerSocket) -> None:
        self.fds[link.fd] = link
        self._opening[link] = None

    def _was_called(self, link: PeerSocket, body: bytes) -> None:
        """The hello of a server that has dialled us."""
        hello = read_hello(body)
        peer_id, cluster_id = hello.sender, self._own_cluster_id()
        link.peer_id = peer_id
        is_listed = peer_id in self._dials
        why = why_refused(hello, self.own_id, cluster_id)
        if not why and not is_listed and not self._accepts_strangers(peer_id):
            why = f"server {peer_id} is not listed here"
        calls_back = not why and is_listed and peer_id < self.own_id
        if not why and not calls_back:
            version = agreed_version(hello.version_min, hello.version_max)
            self._answer(link, Answer(Verdict.ACCEPTED, self.own_id, cluster_id, version))
            self._link_up(link, hello.cluster_id, version)
            return
        verdict = Verdict.CALLED_BACK if calls_back else Verdict.REFUSED
        self._answer(link, Answer(verdict, self.own_id, cluster_id, 0, why))
        link.flush()
        if not calls_back:
            self._complain(link, why, "peer_refused")
        self._drop(link, why)
        dial = self._dials.get(peer_id)
        if calls_back and dial is not None and dial.call is None and peer_id not in self.links:
            self._dial(peer_id, dial)

    def _answer(self, link: PeerSocket, answer: Answer) -> None:
        link.queue(frame((pack_answer(answer),)), self.output_bytes_max)
        self._dirty[link] = None

    # Dialling.

    def _dial(self, peer_id: int, dial: Dial) -> None:
        address = f"{dial.host}:{dial.port}"
        try:
            sock = dial.begin()
        except OSError as error:
            self._dialled_in_vain(peer_id, dial, f"{address}: {reason_of(error)}")
            return
        if sock is not None:
            call = PeerSocket(sock, Stage.CONNECTING, address, self.poller, self._now_ms)
            call.peer_id = peer_id
            dial.call = call
            self._open(call)

    def _dialled_in_vain(self, peer_id: int, dial: Dial, why: str) -> None:
        dial.failed(self._now_ms)
        if dial.failures >= _FAILURES_LOGGED:
            self._complain_about(str(peer_id), why, "cannot_reach_peer", peer=peer_id)

    def _reached(self, link: PeerSocket) -> None:
        """Dialling came to an end, good or bad."""
        if not link.reached():
            if link.doom:
                self._drop(link, link.doom)
            return
        link.enter(Stage.GREETING, self._now_ms)
        security, dial = self.security, self._dials.get(link.peer_id)
        if security is not None and dial is not None:
            host = dial.host
            if not self._secure(link, lambda one: security.calls(one, host)):
                return
        hello = Hello(self.own_id, link.peer_id, self._own_cluster_id())
        link.queue(frame((pack_hello(hello),)), self.output_bytes_max)
        if not link.flush():
            self._drop(link, link.doom)

    def _was_answered(self, link: PeerSocket, body: bytes) -> None:
        """The answer of a server that we have dialled."""
        answer = read_answer(body)
        if answer.verdict is Verdict.ACCEPTED:
            if answer.sender != link.peer_id:
                raise PeerProtocolError(f"answered by server {answer.sender}")
            if not VERSION_MIN <= answer.version <= VERSION_MAX:
                raise PeerProtocolError(f"answered in version {answer.version} of the protocol")
            if clusters_differ(answer.cluster_id, self._own_cluster_id()):
                raise PeerProtocolError(f"answered by ensemble {answer.cluster_id.hex()}")
            self._link_up(link, answer.cluster_id, answer.version)
            return
        dial = self._dials.get(link.peer_id)
        if dial is not None:
            # It was reached, so this is no failure to dial.
            dial.call = None
            dial.refused(self._now_ms)
        if answer.verdict is Verdict.REFUSED:
            self._complain(link, answer.reason, "refused_by_peer")
        self._drop(link, answer.reason)

    # Links.

    def _link_up(self, link: PeerSocket, cluster_id: bytes, version: int) -> None:
        peer_id = link.peer_id
        old = self.links.get(peer_id)
        if old is not None:
            self._drop(old, "replaced by a newer connection")
            if link.stage is Stage.CLOSED:
                # Whoever was told of that has changed the list.
                return
        del self._opening[link]
        dial = self._dials.get(peer_id)
        if dial is not None:
            call, dial.call = dial.call, None
            if call is not None and call is not link:
                self._drop(call, "linked meanwhile")
        link.enter(Stage.LINKED, self._now_ms)
        link.cluster_id, link.version = cluster_id, version
        link.cutter.body_bytes_max = FRAME_BYTES_MAX
        self.links[peer_id] = link
        log("info", "peer_linked", peer=peer_id, address=link.address)
        self._on_linked(peer_id)

    def _read(self, link: PeerSocket) -> None:
        try:
            for _ in range(_RECEIVES_PER_TURN):
                data = link.receive()
                if data is None:
                    return
                if not data:
                    if link.stage is Stage.CALLED and link.is_refused:
                        self._complain(link, link.doom, "peer_refused")
                    self._drop(link, link.doom)
                    return
                for body in link.cutter.cut(data):
                    if link.stage is Stage.LINKED:
                        self._on_message(link.peer_id, decode(body))
                    elif link.stage is Stage.CALLED:
                        self._was_called(link, body)
                    elif link.stage is Stage.GREETING:
                        self._was_answered(link, body)
                    else:
                        # Closed by what came before.
                        return
                if len(data) < RECEIVE_BYTES or link.stage is Stage.CLOSED:
                    return
        except PeerProtocolError as error:
            # What a stranger sends instead of a hello differs each time.
            why = str(error) if link.peer_id else "it speaks another protocol"
            self._complain(link, why, "peer_broke_protocol")
            self._drop(link, str(error))

    def _drop(self, link: PeerSocket, why: str) -> None:
        """Close a connection; if it was a link, say so."""
        if link.stage is Stage.CLOSED:
            return
        peer_id, held_ms = link.peer_id, self._now_ms - link.since_ms
        link.close()
        del self.fds[link.fd]
        self._opening.pop(link, None)
        self._dirty.pop(link, None)
        dial = self._dials.get(peer_id)
        if dial is not None and dial.call is link:
            dial.call = None
            self._dialled_in_vain(peer_id, dial, f"{link.address}: {why}")
        if self.links.get(peer_id) is not link:
            return
        del self.links[peer_id]
        if held_ms >= HELD_MS:
            self._forgive(str(peer_id))
        if dial is not None:
            dial.lost(held_ms, self._now_ms)
        self._complain(link, why, "peer_unlinked")
        self._on_unlinked(peer_id)

    # Cluster ids.

    def _own_cluster_id(self) -> bytes:
        return self._cluster_id().ljust(CLUSTER_ID_BYTES, b"\0")

    def _check_clusters(self) -> None:
        """When we have just learnt which ensemble is ours: cut links into another one."""
        own = self._own_cluster_id()
        if own == self._checked_cluster_id:
            return
        self._checked_cluster_id = own
        for link in tuple(self.links.values()):
            if clusters_differ(link.cluster_id, own):
                self._drop(link, f"another ensemble: its cluster id is {link.cluster_id.hex()}")

    # The log.

    def _complain(self, link: PeerSocket, why: str, event: str) -> None:
        if link.peer_id:
            self._complain_about(
                str(link.peer_id), why, event, peer=link.peer_id, address=link.address
            )
        else:
            # The port differs with each call; what strangers send may as well.
            host = link.address.rpartition(":")[0]
            self._complain_about(host, why, event, address=link.address)

    def _complain_about(self, who: str, why: str, event: str, **fields: object) -> None:
        """Log something about a server once, until it was in order for a while."""
        if (who, why) in self._complaints:
            return
        if len(self._complaints) >= _COMPLAINTS_MAX:
            self._complaints.clear()
        self._complaints[who, why] = None
        log("warning", event, why=why, **fields)

    def _forgive(self, who: str) -> None:
        for complaint in [key for key in self._complaints if key[0] == who]:
            del self._complaints[complaint]
