"""One segment: both servers start empty, some thousand steps, then the trees are compared."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Final

from conformance.differential import arguments as pool
from conformance.differential import operations as make
from conformance.differential.generator import Generator
from conformance.differential.lockstep import Lockstep, Session, Side
from conformance.differential.normal import Reply
from conformance.differential.operations import Request
from conformance.differential.probes import run_probes
from conformance.differential.report import Report, TooManyDifferencesError
from conformance.rawclient import SilenceError, pack_frame, pack_int
from conformance.servers import SERVERS, ApacheServer, ZooKeeperProcess, four_letter_word
from zkserver.wire.opcodes import Op

#: Settings of both servers: no background task may change the tree on its own clock,
#: and waiting for the disk proves nothing here.
BASE_SETTINGS: Final = {
    "forceSync": "no",
    "znode.container.checkIntervalMs": "86400000",
    "DigestAuthenticationProvider.superDigest": pool.SUPER_DIGEST,
}
#: What segments vary, in turn.
VARIANTS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"enforceQuota": "true"},
    {"extendedTypesEnabled": "false"},
    {"extendedTypesEnabled": "false", "enforceQuota": "true"},
    {"skipACL": "yes"},
)
_SERVING_TIMEOUT_S: Final = 30.0
_CLOSE = Request(Op.CLOSE_SESSION, b"")

#: Frames that end a connection at once: what they are, and their bytes.
_MALFORMED: Final = (
    ("frame of length -1", pack_int(-1)),
    ("frame of length 2^20", pack_int(0x100000)),
    ("frame of length 2^31-1", pack_int(2**31 - 1)),
    ("empty frame", pack_frame(b"")),
    ("frame of 3 bytes", pack_frame(b"abc")),
    ("frame of 7 bytes", pack_frame(b"\x00" * 7)),
)


def segment_seed(seed: int, index: int) -> int:
    """The seed of segment ``index``, so that one segment can be repeated alone."""
    return seed if index == 0 else random.Random(f"{seed}/{index}").getrandbits(32)


def run_segment(
    names: tuple[str, str],
    seed: int,
    variant: int,
    operations: int,
    report: Report,
    progress: Callable[[int], None],
) -> None:
    """Run one segment of about ``operations`` operations on servers called ``names``.

    Raises ``RuntimeError`` when a server cannot be started and ``ConnectionError`` when
    one has gone away.
    """
    settings = {**BASE_SETTINGS, **VARIANTS[variant % len(VARIANTS)]}
    title = f"--seed {seed} --variant {variant % len(VARIANTS)} --operations {operations}"
    report.begin_segment(title)
    with _server(names[0], settings) as first, _server(names[1], settings) as two:
        sides = []
        for name, server in zip(names, (first, two), strict=True):
            _wait_serving(server)
            sides.append(Side(name, server.port))
        generator = Generator(seed, single_writes="enforceQuota" in settings)
        driver = Lockstep((sides[0], sides[1]), generator, report)
        try:
            _drive(driver, operations, progress)
            compare_trees(driver)
            run_probes(driver.sides, report)
        except TooManyDifferencesError:
            return
        except (OSError, SilenceError) as error:
            logs = "\n".join(
                f"{server.name} ended with {server.process.poll() if server.process else None}; "
                f"its log: {server.log_path.read_text(errors='replace')[-1500:]}"
                for server in (first, two)
            )
            report.differs(f"a server went away: {error}", "server gone", "", logs)
        finally:
            driver.close()


def _server(name: str, settings: dict[str, str]) -> ZooKeeperProcess:
    if name == ApacheServer.name:
        # A segment is over before an optimising compiler has paid for itself.
        quick = ("-Xmx500m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        return ApacheServer(settings=settings, jvm_options=quick)
    return SERVERS[name](settings=settings)


def _wait_serving(server: ZooKeeperProcess) -> None:
    """Apache answers ``ruok`` before it serves; only ``isro`` tells."""
    deadline = time.monotonic() + _SERVING_TIMEOUT_S
    while time.monotonic() < deadline:
        # A connection made while Apache starts may be taken and never be answered.
        with contextlib.suppress(TimeoutError):
            if four_letter_word(server.port, "isro", timeout_s=0.5) == "rw":
                return
        time.sleep(0.005)
    log = server.log_path.read_text(errors="replace")[-1500:]
    raise RuntimeError(f"{server.name} does not serve; its log ends: {log}")


def _drive(driver: Lockstep, operations: int, progress: Callable[[int], None]) -> None:
    ann, bob = pool.USERS
    identities = ((), (ann,), (ann, bob), (pool.SUPER_IDENTITY,), ())
    for number, known_as in enumerate(identities):
        session = Session(f"s{number}", known_as)
        driver.open(session)
        driver.sessions.append(session)
    end = driver.report.operations + operations
    dice = driver.generator.random
    while driver.report.operations < end:
        session = dice.choice(driver.sessions)
        before = driver.report.operations
        step = dice.choices(_STEPS, _STEP_WEIGHTS)[0]
        step(driver, session)
        if not session.live:
            recover(driver, session)
        progress(driver.report.operations - before)


def recover(driver: Lockstep, session: Session) -> None:
    """Attach a session that lost its connection again, and mostly its identities too."""
    dice = driver.generator.random
    if not driver.reattach(session):
        driver.open(session)
        return
    if dice.random() < 0.7:
        driver.present_identities(session)
    if dice.random() < 0.5:
        driver.send(session, [driver.generator.set_watches(session.view)])


def _burst(driver: Lockstep, session: Session) -> None:
    driver.send(session, driver.generator.burst(session.view))


def _drop(_driver: Lockstep, session: Session) -> None:
    session.drop()


def _drop_half_sent(driver: Lockstep, session: Session) -> None:
    request = driver.generator.request(session.view)
    frame = request.frame(session.next_xid())
    kept = driver.generator.random.randrange(len(frame))
    driver.report.did(session.name, f"{kept} bytes of {request}, then drop", "half a frame")
    for end in session.attached:
        end.connection.send(frame[:kept])
    session.drop()


def _steal(driver: Lockstep, session: Session) -> None:
    driver.reattach(session, keep_old=True)


def _wrong_password(driver: Lockstep, session: Session) -> None:
    keep_old = driver.generator.random.random() < 0.5
    driver.reattach(session, wrong_password=True, keep_old=keep_old)


def _too_new(driver: Lockstep, session: Session) -> None:
    ahead = driver.generator.random.choice((1, 1000, 2**40))
    # Another session may have moved the server on; one more than all have seen is too new.
    newest = max(other.view.last_zxid for other in driver.sessions)
    driver.reattach(session, zxid_ahead=newest - session.view.last_zxid + ahead, keep_old=True)


def _close(driver: Lockstep, session: Session) -> None:
    requests: list[Request] = []
    if driver.generator.random.random() < 0.5:
        requests = driver.generator.burst(session.view)
    driver.send(session, [*filter(_may_precede_close, requests), _CLOSE])
    refused = driver.generator.random.random() < 0.2
    if refused and driver.reattach(session):
        raise ConnectionError("a closed session was accepted again")
    read_only = driver.generator.random.choice((False, True, None))
    driver.open(session, read_only=read_only)


def _may_precede_close(request: Request) -> bool:
    """Whether a closeSession may be pipelined behind ``request``.

    Two runs of 3.8.0 disagreed about a createContainer with an ephemeral's flags and a
    closeSession behind it; while the change is on its way the znode seems to pass for an
    ephemeral, which the closeSession deletes.
    """
    made_by_opcode = request.op in (Op.CREATE_CONTAINER, Op.CREATE_TTL)
    if made_by_opcode and (request.damage or request.arguments[3] in (1, 3)):
        return False
    return request.place is make.Place.ANYWHERE


def _malformed(driver: Lockstep, session: Session) -> None:
    what, data = driver.generator.random.choice(_MALFORMED)
    driver.send_malformed(session, data, what)


def _negotiate(driver: Lockstep, session: Session) -> None:
    """An odd timeout; put right again at once, so that no session can expire."""
    asked = driver.generator.random.choice((-1, 0, 3999, 4001, 39_999, 2**31 - 1, -(2**31)))
    driver.reattach(session, timeout_ms=asked)
    driver.reattach(session)


_STEPS: Final[tuple[Callable[[Lockstep, Session], None], ...]] = (
    _burst,
    _drop,
    _drop_half_sent,
    _steal,
    _wrong_password,
    _too_new,
    _close,
    _malformed,
    _negotiate,
)
_STEP_WEIGHTS: Final = (94.0, 1.6, 0.5, 0.6, 0.3, 0.3, 1.8, 0.5, 0.2)


def compare_trees(driver: Lockstep) -> None:
    """Walk the whole tree on both servers as super user and compare every znode."""
    walker = Session("tree walk", (pool.SUPER_IDENTITY,), counted=False)
    driver.open(walker)
    level = [b"/"]
    while level:
        deeper: list[bytes] = []
        for start in range(0, len(level), 100):
            part = level[start : start + 100]
            deeper += _compare_znodes(driver, walker, part)
        level = deeper
    driver.send(walker, [_CLOSE])


def _compare_znodes(driver: Lockstep, walker: Session, paths: list[bytes]) -> list[bytes]:
    """Compare data, children, Stat and ACL of ``paths``; returns their children's paths."""
    requests = []
    for path in paths:
        requests += [
            make.read(Op.GET_CHILDREN2, path, watch=False),
            make.read(Op.GET_DATA, path, watch=False),
            make.on_path(Op.GET_ACL, path),
        ]
    children: list[bytes] = []
    for item in driver.send(walker, requests):
        if not isinstance(item, Reply) or item.request is None:
            continue
        if item.request.op == Op.GET_CHILDREN2 and isinstance(item.body, tuple):
            parent = item.request.arguments[0]
            assert isinstance(parent, bytes)
            children += [parent.rstrip(b"/") + b"/" + name for name in item.body[0]]
    return children
