"""Rot: stored bits change. Only such as recovery can tell from the work of a crash.

Of the log that is what a later record vouches for. The very last record looks the same
whether it rotted or was never finished, and no single copy can tell the two apart.
"""

from __future__ import annotations

import random

from zkserver.sim.disk import SimDisk
from zkserver.sim.server import DIRECTORY, SimServer
from zkserver.storage import list_snapshots
from zkserver.storage.recovery import DIRECTORY_NAME
from zkserver.storage.segments import FIRST_RECORD, list_segments, load_segment


def flip_stored_bit(server: SimServer, stream: random.Random) -> bool:
    """Change one bit that matters; whether there was one."""
    places = vouched_bytes(server.disk, f"{DIRECTORY}/{DIRECTORY_NAME}")
    if not places:
        return False
    path, first, end = stream.choice(places)
    server.disk.flip(path, stream.randrange(first, end), stream.randrange(8))
    server.is_rotten = True
    server.world.note(server.name, "rot", path)
    return True


def vouched_bytes(disk: SimDisk, directory: str) -> list[tuple[str, int, int]]:
    """(path, first, end) of stored bytes of which a change has to be noticed."""
    found = [
        (path, 0, disk.open(path, write=False).size()) for path in list_snapshots(disk, directory)
    ]
    for serial, path in list_segments(disk, directory):
        scan = load_segment(disk, serial, path)
        synced = max((place.synced for place in scan.places), default=0)
        if synced > FIRST_RECORD:
            found.append((path, FIRST_RECORD, synced))
    return found
