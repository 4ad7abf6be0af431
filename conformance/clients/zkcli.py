"""Apache's own command line client, ``zkCli``, driven by a script of all its commands.

The shell is given its commands on standard input (it then prints no prompt), each
followed by two more: ``sync /``, whose answer travels the same way as watch events and
so comes after those of the command, and ``printwatches``, whose fixed answer ends the
command's part of the output. The shell prints events from a thread of their own, so
they may fall between any two lines: they are taken out and put behind the command's
own output, in the order they came, which is the order the server promises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.clients.compare import Client, main
from conformance.clients.java.toolchain import debian_classpath, run_java

_MAIN_CLASS = "org.apache.zookeeper.ZooKeeperMain"
_END = "printwatches is on"
_SYNCED = "Sync is OK"
_EVENT = re.compile(r"WatchedEvent state:(\S+) type:(\S+) path:(.*)")

_NODES = """
create /a hello
create -s /a/seq one
create -s /a/seq two
create -e /a/eph mine
create -e -s /a/eph- mine
create -c /box
create -s -c /box
create -t 60000 /short data
create -s -t 60000 /short- data
create -e -t 60000 /wrong data
create -t 0 /wrong data
create -t nonsense /wrong data
create /empty
create /a again
create /no/parent x
create /a/eph/child x
create relative x
create /double//slash x
create /trailing/ x
create /dots/.. x
create
create /acl data world:anyone:r
create /acl-bad data nobody:anyone:r
create /acl-ip data ip:127.0.0.1:cdrwa
create /acl-ip-bad data ip:localhost:r
ls /
ls -s /
ls -R /
ls /a
ls -s /a
ls -R /a
ls /missing
ls -R /missing
ls bad
stat /
stat /a
stat /a/eph
stat /box
stat /short
stat /missing
get /a
get -s /a
get /empty
get -s /empty
get /missing
set /a world
set -s /a longer-than-before
set -v 2 /a second
set -v 2 /a stale
set /missing x
set -s /box inside
getAllChildrenNumber /
getAllChildrenNumber /a
getAllChildrenNumber /missing
getEphemerals
getEphemerals /a/eph-
getEphemerals /missing
sync /
sync /missing
sync relative
delete /a
delete -v 7 /empty
delete -v 0 /empty
delete /missing
delete /zookeeper
delete /
deleteall /a/seq0000000000
create /tree
create /tree/x
create /tree/x/y
create /tree/x/y/z
deleteall /tree/x/y -b 1
deleteall /tree
deleteall /missing
stat /
"""

_ACCESS = """
whoami
getAcl /
getAcl -s /acl
getAcl /missing
setAcl /acl world:anyone:cdrwa
set /a/eph mine-still
setAcl -s /a/eph world:anyone:crwa
setAcl -v 1 /a/eph world:anyone:cdrwa
setAcl -v 1 /a/eph world:anyone:cdrwa
setAcl /missing world:anyone:r
setAcl /a nobody:anyone:r
setAcl /a world:somebody:r
setAcl /a auth::cdrwa
setAcl /a garbage
create /bag
create /bag/one
create /bag/one/two
setAcl -R /bag world:anyone:cdra
getAcl /bag/one/two
set /bag/one/two x
addauth digest mia:secret
whoami
create /private hidden auth::cdrwa
getAcl /private
get /private
create /locked hidden digest:other:aGFzaA==:r
get /locked
set /locked x
getAcl /locked
setAcl /locked world:anyone:r
create /locked/child x
delete /locked
create /writable data digest:other:aGFzaA==:w,world:anyone:w
get /writable
set /writable x
getAcl /writable
ls /writable
"""

_QUOTAS = """
create /q base
listquota /q
setquota -n 3 /q
listquota /q
setquota -b 100 /q
listquota /q
create /q/one 12345
create /q/one/two 1234567890
set /q/one 123
listquota /q
create /q/three x
create /q/four x
listquota /q
setquota -N 9 /q
setquota -B 1000 /q
listquota /q
setquota -n 5 /q/one
setquota -n 5 /missing
setquota -n 5 /zookeeper
ls -R /zookeeper
get /zookeeper/quota/q/zookeeper_limits
get /zookeeper/quota/q/zookeeper_stats
delquota -n /q
listquota /q
delquota -b /q
delquota /q
listquota /q
delquota /q
ls -R /zookeeper
"""

# Never two modes on one path: up to 3.8 the second replaces the first, later both stay.
_WATCHES = """
create /w start
get -w /w
set /w once
set /w unseen
stat -w /w
delete /w
stat -w /w
create /w again
ls -w /w
create /w/kid x
create /w/unseen x
ls -w /missing
get -w /missing
addWatch -m PERSISTENT /w
set /w seen
create /w/child x
set /w/child unseen
delete /w/child
removewatches /w
addWatch -m PERSISTENT_RECURSIVE /w
create /w/deep x
create /w/deep/er x
set /w/deep/er y
delete /w/deep/er
removewatches /w -a
set /w unseen
removewatches /w
addWatch /later
create /later x
set /later y
delete /later
removewatches /later
get -w /w
removewatches /w -d
removewatches /w -d
ls -w /w
removewatches /w -c
removewatches /w -c
removewatches /w -l
removewatches /nothing
addWatch -m SIDEWAYS /w
get -s -w /w
ls -s -w /w
set /w seen
create /w/seen x
"""

_SERVER = """
config
config -c
config -s
config -w
reconfig -add server.2=127.0.0.1:2888:3888;2181
reconfig -remove 2
reconfig -members server.1=127.0.0.1:2888:3888;2181
reconfig
version
close
ls /
connect ADDRESS
ls /
getEphemerals
whoami
get /private
addauth digest mia:secret
get -s /private
stat /a
"""


def run(address: str) -> list[str]:
    """The transcript of the whole script on the server at ``address`` (``host:port``).

    Raises :class:`ClientUnavailable` without Apache's client and ``RuntimeError`` when
    the shell ends early.
    """
    script = _NODES + _ACCESS + _QUOTAS + _WATCHES + _SERVER
    commands = [line.replace("ADDRESS", address) for line in script.splitlines() if line]
    typed = "".join(f"{command}\nsync /\nprintwatches\n" for command in ["sync /", *commands])
    done = run_java(
        _MAIN_CLASS,
        debian_classpath(),
        ["-server", address],
        stdin=typed + "quit\n",
        # The shell's messages and the log share standard error; only the former count.
        options=["-Dorg.slf4j.simpleLogger.defaultLogLevel=off"],
        merge_errors=True,
    )
    parts = _parts(done.stdout.splitlines())
    if len(parts) != len(commands) + 2:
        raise RuntimeError(
            f"zkCli answered {len(parts) - 2} of {len(commands)} commands "
            f"and ended with status {done.returncode}; its output ends:\n{done.stdout[-2000:]}"
        )
    transcript = []
    for command, lines in zip(commands, parts[1:], strict=False):
        transcript += [f"> {command}", *_ordered(command, _tidy(lines))]
    return transcript


def _parts(lines: Iterable[str]) -> list[list[str]]:
    """The output cut behind each command; the last part is what came after them all."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if line == _END:
            parts.append([])
        else:
            parts[-1].append(line)
    return parts


def _tidy(lines: list[str]) -> list[str]:
    """One command's lines, events last, without what says nothing about the server.

    The blank lines around events go, the answer of the ``sync`` that followed the
    command goes if it is the usual one, and so does the event of a handle that the
    user closed: it is printed when its thread gets around to it.
    """
    own, events = [], []
    for line in lines:
        event = _EVENT.search(line)
        if event is None:
            # Masking will hide all hexadecimal numbers, but that there is no owner must show.
            owned = re.sub(r"^(ephemeralOwner =) 0x0$", r"\1 none", line)
            own += [owned] if line not in ("", "WATCHER::") else []
        elif event[1] != "Closed":
            events.append(f"event {event[2]} on {event[3]}, {event[1]}")
    return own[: -1 if own and own[-1] == _SYNCED else None] + events


def _ordered(command: str, lines: list[str]) -> list[str]:
    """``lines`` sorted where the protocol promises no order and the shell does not sort."""
    if command.startswith("getEphemerals"):
        return [", ".join(sorted(line.strip("[]").split(", "))) for line in lines]
    return sorted(lines) if command == "whoami" else lines


CLIENT = Client("zkcli", run)

if __name__ == "__main__":
    main(CLIENT)
