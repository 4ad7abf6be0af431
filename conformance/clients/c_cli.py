"""Debian's command line client of the C library, ``cli_mt``, driven by a script.

The shell works asynchronously: it reads the next command while the last one is still on
its way. Each command is therefore followed by a ``sync`` of a path of its own, whose
answer is printed by the same thread as all other answers and all events, and in the
order in which they came; only then is the next command typed.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Timer

from conformance.clients.c.programs import require_file
from conformance.clients.compare import Client, main

_PROGRAM = Path("/usr/lib/zookeeper/bin/cli_mt")
# How long one run of the shell may take before it is ended; never waited for in full.
_PATIENCE_S = 60.0

_NODES = """
create /a
create +e /a/eph
create +s /a/seq-
create +es /a/eseq-
create +c /a/box
create +t=3600000 /a/ttl
create +st=3600000 /a/ttl-
create +t=0 /a/never
create +t /a/never
create +x /a/never
create2 /a/two
create2 +e /a/two-eph
create2 +s /a/two-
create2 +c /a/two-box
create2 +t=3600000 /a/two-ttl
create /a
create /a/no/parent
create /a/eph/child
create /a//double
create /a/..
create relative
create
ls /
ls /a
ls2 /a
ls /missing
ls2 /missing
ls relative
exists /a
exists /missing
get /a
get /missing
get
set /a first
set /a
set /missing x
get /a
set /a second with blanks
get /a
delete /a
delete /missing
delete /a/seq-0000000001
delete /zookeeper
delete /
ls2 /a
sync /a
sync /missing
config
reconfig -remove 1
reconfig -add server.2=127.0.0.1:2888:3888;2181
reconfig -members server.1=127.0.0.1:2888:3888;2181
get /zookeeper/config
nonsense
"""

_WATCHES = """
create /w
get /w
ls /w
wexists /w
wexists /w/later
set /w once
set /w unseen
create /w/later
create /w/unseen
get /w/later
wexists /w/later
ls /w/later
delete /w/later
wexists /missing
create /missing
delete /missing
"""

_ASYNCHRONOUS = """
acreate /p
acreate +s /p/s-
als /p
als2 /p
aset /p value
aget /p
aexists /p
async /p
adelete /p
adelete /p/s-0000000000
aget /missing
aconfig
myid
addauth digest ann:secret
get /p
"""

# What the first shell left behind, seen by a second one, which fails to authenticate.
_SECOND = """
ls2 /
ls2 /a
get /w
reinit
get /w
"""

# Single commands, each in a shell of its own that ends by itself (option -c).
_BATCH = ("create /batch", "set /batch value", "get /batch", "ls2 /", "create +e /a/eph", "ls2 /a")

_STATE_CHANGE = re.compile(r"^Watcher SESSION_EVENT state = (\S+)")


def run(address: str) -> list[str]:
    """The transcript of the whole script on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without the shell and ``RuntimeError`` when it ends
    early.
    """
    require_file(_PROGRAM, "zookeeper-bin")
    first = _NODES + _WATCHES + _ASYNCHRONOUS
    return [
        *_type(address, first.split("\n")),
        *_type(address, _SECOND.split("\n")),
        *_refused(address),
        *_batch(address),
    ]


def _type(address: str, script: Iterable[str]) -> list[str]:
    """What the shell prints for each command of ``script``."""
    transcript: list[str] = []
    with _shell(address) as shell:
        # The first answer comes behind the lines that announce the session.
        transcript += _tidy(_answer(shell, "sync /~"))
        for number, command in enumerate(filter(None, script)):
            marker = f"/~{number}"
            transcript.append(f"> {command}")
            transcript += _tidy(_answer(shell, f"{command}\nsync {marker}", marker))
        out, _ = shell.communicate("quit\n")
        transcript += ["> quit", *_tidy(out.splitlines())]
    transcript.append(f"status {shell.returncode}")
    return transcript


def _refused(address: str) -> list[str]:
    """What the shell prints when the server refuses its credentials: then it is of no use."""
    with _shell(address) as shell:
        transcript = [*_tidy(_answer(shell, "sync /~")), "> addauth nosuch scheme"]
        assert shell.stdin is not None and shell.stdout is not None
        shell.stdin.write("addauth nosuch scheme\n")
        shell.stdin.flush()
        for line in shell.stdout:
            change = _STATE_CHANGE.match(line)
            if change is not None:
                transcript.append(f"state {change[1]}")
                break
        # It has shut its session down and may or may not still read commands.
        shell.kill()
    return transcript


def _batch(address: str) -> list[str]:
    """What shells print that were given one command each, with a read-only server allowed."""
    transcript: list[str] = []
    for command in _BATCH:
        with _shell(address, "-r", "-c", command) as shell:
            out, _ = shell.communicate()
        # The command is announced by one thread while another one announces the session.
        transcript += [f"> -c {command}", *sorted(_tidy(out.splitlines()))]
        transcript.append(f"status {shell.returncode}")
    return transcript


@contextlib.contextmanager
def _shell(address: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A running shell, ended by force when it takes unreasonably long."""
    with subprocess.Popen(
        [str(_PROGRAM), "-h", address, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        bufsize=1,
    ) as shell:
        watchdog = Timer(_PATIENCE_S, shell.kill)
        watchdog.start()
        try:
            yield shell
        except BaseException:
            # Leaving the block would wait for a shell that waits for its next command.
            shell.kill()
            raise
        finally:
            watchdog.cancel()


def _answer(shell: subprocess.Popen[str], typed: str, marker: str = "/~") -> list[str]:
    """The lines up to the answer to the ``sync`` of ``marker``."""
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(f"{typed}\n")
    shell.stdin.flush()
    lines: list[str] = []
    for line in shell.stdout:
        if line.strip() == f"name = {marker}":
            # The line before is the head of the same answer.
            return lines[:-1]
        lines.append(line.rstrip("\n"))
    raise RuntimeError(
        f"{_PROGRAM.name} ended with status {shell.wait()} at '{typed.splitlines()[0]}'; "
        f"it printed:\n" + "\n".join(lines[-20:])
    )


def _tidy(lines: list[str]) -> list[str]:
    """``lines`` without durations and ids, and with what has no promised order sorted."""
    kept: list[str] = []
    names: list[str] = []
    created = ""
    for line in lines:
        if line.startswith("time = "):
            continue
        field = re.match(r"\s*(czxid|mzxid|ephemeralOwner) ?= ?([0-9a-f]+)$", line)
        if re.match(r"\t[^ =]+$", line):
            names.append(line)
            continue
        kept += sorted(names)
        names.clear()
        if field is None:
            kept.append(re.sub(r"(session Id = )[0-9a-f]+", r"\1#", line))
        elif field[1] == "czxid":
            created = field[2]
        elif field[1] == "mzxid":
            kept.append("\tmzxid is " + ("czxid" if field[2] == created else "another"))
        else:
            kept.append("\tephemeralOwner is " + ("none" if field[2] == "0" else "a session"))
    return kept + sorted(names)


CLIENT = Client("c_cli", run)

if __name__ == "__main__":
    main(CLIENT)
