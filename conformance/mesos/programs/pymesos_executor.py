"""An executor on pymesos: squares the number in each task's data, and talks to its scheduler.

A task called ``held-*`` runs until the scheduler's message ``release``, or until it is killed.
Runs under the Python of the client's environment, as ``python pymesos_executor.py``.
"""
# mypy: ignore-errors
# ruff: noqa: ARG002, D102, N802 - the library names these methods and what they take

import sys
import threading
import time

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class SquaringExecutor(Executor):
    """Each task in a thread of its own."""

    def __init__(self):
        self.released = threading.Event()
        self.killed = {}

    def registered(self, driver, executor_info, framework_info, agent_info):
        self.say(driver, "up " + executor_info["executor_id"]["value"])

    def disconnected(self, driver):
        print("the agent is gone", file=sys.stderr, flush=True)

    def launchTask(self, driver, task):
        self.killed[task["task_id"]["value"]] = threading.Event()
        threading.Thread(target=self.work, args=(driver, task), daemon=True).start()

    def killTask(self, driver, task_id):
        self.killed[task_id["value"]].set()

    def frameworkMessage(self, driver, message):
        text = decode_data(message).decode()
        if text == "release":
            self.released.set()
        self.say(driver, "heard " + text)

    def work(self, driver, task):
        name = task["task_id"]["value"]
        number = int(decode_data(task["data"]))
        self.update(driver, task, "TASK_RUNNING")
        if name.startswith("held-"):
            while not self.released.wait(0.02):
                if self.killed[name].is_set():
                    self.update(driver, task, "TASK_KILLED")
                    return
        self.update(driver, task, "TASK_FINISHED", str(number * number))

    def update(self, driver, task, state, data=""):
        status = {
            "task_id": task["task_id"],
            "state": state,
            "timestamp": time.time(),
            "data": encode_data(data.encode()),
        }
        self.patiently(driver.sendStatusUpdate, status)

    def say(self, driver, text):
        self.patiently(driver.sendFrameworkMessage, encode_data(text.encode()))

    def patiently(self, send, *what):
        # While the agent is away, the library raises; what is told must be told all the same.
        for _ in range(600):
            try:
                return send(*what)
            except Exception as error:  # noqa: BLE001 - of any kind
                print("again:", error, file=sys.stderr, flush=True)
                time.sleep(0.1)
        return None


if __name__ == "__main__":
    MesosExecutorDriver(SquaringExecutor()).run()
