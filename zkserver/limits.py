"""Every bound of the server in one place, with its reason.

What an operator may set is in :mod:`zkserver.config`; these are the others.
"""

from __future__ import annotations

from typing import Final

#: One recv asks for this much; larger would leave the allocator's fast sizes.
RECEIVE_BYTES: Final = 64 * 1024
#: A connection whose replies pile up to this is not read any further until they are sent.
OUTPUT_PAUSE_BYTES: Final = 1024 * 1024
#: A connection that does not take its notifications is closed beyond this.
OUTPUT_CLOSE_BYTES: Final = 64 * 1024 * 1024
#: A batch is committed at this size, so that one log record stays in a few milliseconds;
#: while that is not possible, nobody who adds to it is read.
BATCH_BYTES: Final = 4 * 1024 * 1024
#: Connections accepted in one turn of the loop, so that a storm leaves others their turn.
ACCEPTS_PER_TURN: Final = 256
#: Encoded getChildren answers kept (Apache's maxGetChildrenResponseCacheSize is 400).
LISTINGS_MAX: Final = 1024
#: A listing larger than this is not kept.
LISTING_BYTES: Final = 64 * 1024
#: Paths touched between two settlements of the tree's digest.
DIGEST_TOUCHED_MAX: Final = 8192
#: A snapshot is cut into blocks of about this size.
SNAPSHOT_BLOCK_BYTES: Final = 1024 * 1024
#: Replies buffered for one readable event before a pause is considered: a body this
#: large counts, smaller ones are bounded by what one recv can hold.
LARGE_BODY_BYTES: Final = 4096
#: Requests of one connection that may wait for a batch before reads are taken no further;
#: what they answer is produced in one step and may be large.
HELD_READS_MAX: Final = 256
#: Bytes of large replies made at once before their sending is waited for.
OUTPUT_STEP_BYTES: Final = 1024 * 1024
