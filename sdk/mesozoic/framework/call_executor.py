"""The executor of a pickled call: ``python -m mesozoic.framework.call_executor``.

The call is made in a process of its own (:mod:`.calling`), so that it can be killed whatever it
does, and so that it cannot disturb the talk with the agent. What it returns or raises goes with
the last status.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import Executor, ExecutorDriver

_GRACE_S: Final = 3.0
_NS: Final = 1_000_000_000
_CALLING: Final = "mesozoic.framework.calling"


class CallExecutor(Executor):
    """Makes one call, tells how it has ended, and ends."""

    def __init__(self) -> None:
        self._grace_s = _GRACE_S
        self._process: asyncio.subprocess.Process | None = None
        self._calling: asyncio.Task[None] | None = None
        self._is_killed = False

    async def launch(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        """Start the call."""
        if task.kill_policy.HasField("grace_period"):
            self._grace_s = task.kill_policy.grace_period.nanoseconds / _NS
        self._calling = asyncio.create_task(self._run(driver, task))

    async def _run(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        try:
            await self._call(driver, task)
        except OSError as error:
            message = f"the call could not be made: {error}"
            await driver.update(task.task_id, mesos_pb2.TASK_FAILED, message=message)
        driver.stop()

    async def _call(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="call-") as directory:
            answer = Path(directory) / "answer"
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _CALLING, answer),
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            await driver.update(task.task_id, mesos_pb2.TASK_RUNNING)
            await self._process.communicate(task.data)
            data = answer.read_bytes() if answer.exists() else b""
        code = self._process.returncode or 0
        if self._is_killed:
            state, message = mesos_pb2.TASK_KILLED, "killed"
        elif code == 0:
            state, message = mesos_pb2.TASK_FINISHED, ""
        elif data:
            state, message = mesos_pb2.TASK_FAILED, "the call has raised an exception"
        else:
            state = mesos_pb2.TASK_FAILED
            message = f"the process of the call ended with {_status_text(code)}"
        await driver.update(task.task_id, state, message=message, data=data)

    async def kill(
        self,
        _driver: ExecutorDriver,
        _task_id: mesos_pb2.TaskID,
        kill_policy: mesos_pb2.KillPolicy | None,
    ) -> None:
        """Let the call end, politely first."""
        self._end(kill_policy)

    def _end(self, kill_policy: mesos_pb2.KillPolicy | None) -> None:
        grace_s = self._grace_s
        if kill_policy is not None and kill_policy.HasField("grace_period"):
            grace_s = kill_policy.grace_period.nanoseconds / _NS
        self._is_killed = True
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(grace_s, self._signal, signal.SIGKILL)

    async def shutdown(self, _driver: ExecutorDriver) -> None:
        """Let the call end, and tell of it."""
        if self._calling is not None:
            self._end(None)
            await self._calling

    def _signal(self, number: signal.Signals) -> None:
        """To the call and all that it has started."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _status_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"status {code}"


if __name__ == "__main__":
    asyncio.run(ExecutorDriver(CallExecutor()).run())
