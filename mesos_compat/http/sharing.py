"""One computation for all who ask the same at the same time.

A big cluster's state takes long to write down, and dashboards ask for it many at a time. Mesos
answers all equal requests that wait from one computation; so does this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from mesos_compat.http.answers import Answer


class Sharing:
    """Equal requests by key: what is asked, how it is to be written, and who asks."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Future[Answer]] = {}

    async def share(self, key: Hashable, build: Callable[[], Answer]) -> Answer:
        """The answer that ``build`` gives, to all who ask for ``key`` meanwhile."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            return await asyncio.shield(waiting)
        future = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            # Those requests come in that have arrived while something else was computed.
            await asyncio.sleep(0)
            answer = build()
        except BaseException as error:
            future.set_exception(error)
            # It is raised here; the others may have nobody among them.
            future.exception()
            raise
        else:
            future.set_result(answer)
            return answer
        finally:
            del self._waiting[key]
