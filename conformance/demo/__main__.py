"""``python -m conformance.demo``: plays the scenes on a real server process."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable

from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError
from rich.console import Console
from rich.table import Table

from conformance.demo import crash, java_shell, scenes
from conformance.demo.stage import DemoFailed, SceneSkipped, Stage, connect, disconnect
from conformance.servers import OurServer

Scene = Callable[[Stage], str]

SCENES: tuple[tuple[str, Scene], ...] = (
    ("a session", scenes.session),
    ("znodes", scenes.znodes),
    ("a watch", scenes.watch),
    ("an ephemeral", scenes.ephemeral),
    ("a sequence", scenes.sequence),
    ("a multi", scenes.multi),
    ("Apache's Java client", java_shell.works),
    ("SIGKILL and restart", crash.crash),
    ("everything is there", crash.everything_is_there),
    ("Apache's Java client again", java_shell.works_again),
    ("the session survived", crash.session_survived),
)
_FAILURES = (DemoFailed, KazooException, KazooTimeoutError, RuntimeError, OSError)


def play(stage: Stage, console: Console) -> list[tuple[str, str, float]]:
    """Play all scenes up to the first failure; returns (scene, verdict, seconds) of each."""
    played = []
    for title, scene in SCENES:
        began = time.monotonic()
        try:
            verdict, text = "ok", scene(stage)
        except SceneSkipped as missing:
            verdict, text = "skipped", str(missing)
        except _FAILURES as error:
            verdict, text = "FAILED", f"{type(error).__name__}: {error}"
        played.append((title, verdict, time.monotonic() - began))
        console.print(f"{verdict:>7}  {title}: {text}", markup=False, highlight=False)
        if verdict == "FAILED":
            break
    return played


def print_summary(
    console: Console, played: list[tuple[str, str, float]], started_s: float, seconds: float
) -> None:
    """The table of all scenes, and what it comes to."""
    table = Table()
    for heading in ("scene", "verdict", "ms"):
        table.add_column(heading, justify="right" if heading == "ms" else "left")
    table.add_row("the server starts", "ok", f"{started_s * 1000:.0f}")
    for title, verdict, took_s in played:
        table.add_row(title, verdict, f"{took_s * 1000:.0f}")
    console.print(table)
    verdicts = [verdict for _, verdict, _ in played]
    skipped = verdicts.count("skipped")
    console.print(
        f"{verdicts.count('ok')} of {len(SCENES)} scenes shown and checked"
        + (f", {skipped} skipped" if skipped else "")
        + f", {seconds:.1f} s in all: "
        + ("FAILED" if "FAILED" in verdicts else "passed"),
        highlight=False,
    )


def run(console: Console) -> int:
    """Start a server, play, sum up; returns the exit code."""
    began = time.monotonic()
    console.print("Starting a ZooKeeper server: python -m zkserver start zoo.cfg", highlight=False)
    with OurServer() as server:
        started_s = server.started_in_s
        console.print(
            f"     ok  process {server.pid} answers on {server.address} after "
            f"{started_s * 1000:.0f} ms; its data are in {server.data_dir}",
            highlight=False,
        )
        client = connect(server)
        try:
            played = play(Stage(server, client), console)
        finally:
            with contextlib.suppress(KazooException, KazooTimeoutError, RuntimeError):
                disconnect(client)
        failed = any(verdict == "FAILED" for _, verdict, _ in played)
        if failed:
            log = server.log_path.read_text(errors="replace")[-4000:]
            console.print(f"The server's log ends:\n{log}", markup=False, highlight=False)
    print_summary(console, played, started_s, time.monotonic() - began)
    return 1 if failed else 0


def main() -> None:
    """The command line: no options, exit code 0 only if every claim held."""
    # kazoo reports the lost connections that are part of the show.
    logging.getLogger("kazoo").addHandler(logging.NullHandler())
    logging.getLogger("kazoo").propagate = False
    console = Console(soft_wrap=True)
    try:
        code = run(console)
    except _FAILURES as error:
        console.print(f" FAILED  {type(error).__name__}: {error}", markup=False, highlight=False)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
