"""A scheduler on avmesos: command tasks that end well, end badly, and are killed.

``avmesos_scheduler.py URL``, where the URL is a master's or ``zk://...``. Prints each event.
"""
# mypy: ignore-errors

import getpass
import sys
import threading

from avmesos.client import MesosClient

COMMANDS = {
    "writes": "echo $GREETING > said && cat said",
    "fails": "exit 7",
    "sleeps": "exec sleep 1000",
}
WANTED = {"writes": "TASK_FINISHED", "fails": "TASK_FAILED", "sleeps": "TASK_KILLED"}


def scalar(name, value):
    """A Resource."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


class Job:
    """Launches all commands on the first offer and ends the framework when all have ended."""

    def __init__(self, url):
        self.client = MesosClient([url], frameworkName="avmesos", frameworkUser=getpass.getuser())
        self.client.set_failover_timeout(60)
        self.driver = None
        self.pending = dict(COMMANDS)
        self.ended = {}
        self.over = threading.Event()
        self.client.on(MesosClient.SUBSCRIBED, self.subscribed)
        self.client.on(MesosClient.OFFERS, self.offered)
        self.client.on(MesosClient.UPDATE, self.updated)
        self.client.on(MesosClient.ERROR, lambda message: print("error", message, flush=True))

    def subscribed(self, driver):
        """The driver is for calls."""
        self.driver = driver
        print("subscribed", self.client.frameworkId, flush=True)

    def offered(self, offers):
        """Everything on one offer, the others are declined."""
        for offer in offers:
            tasks = [self.task(name, offer) for name in self.pending]
            self.pending.clear()
            if tasks:
                offer.accept(tasks)
                print("accepted", offer.get_offer()["hostname"], flush=True)
            else:
                offer.decline({"filters": {"refuse_seconds": 3600}})

    def updated(self, update):
        """The library has acknowledged it already."""
        status = update["status"]
        name, state = status["task_id"]["value"], status["state"]
        print("update", name, state, flush=True)
        if state == "TASK_RUNNING" and name == "sleeps":
            self.driver.kill(status["agent_id"]["value"], name)
        if state in WANTED.values():
            self.ended[name] = state
        if self.ended == WANTED:
            self.driver.suppress()
            self.driver.tearDown()
            self.client.stop = True
            self.over.set()

    def task(self, name, offer):
        """A TaskInfo; the library adds only the agent's older name by itself."""
        variables = [{"name": "GREETING", "value": "hello from avmesos"}]
        return {
            "name": name,
            "task_id": {"value": name},
            "agent_id": offer.get_offer()["agent_id"],
            "resources": [scalar("cpus", 0.5), scalar("mem", 64)],
            "command": {
                "shell": True,
                "value": COMMANDS[name],
                "environment": {"variables": variables},
            },
        }

    def run(self):
        """Until all has ended."""
        threading.Thread(target=self.client.register, daemon=True).start()
        self.over.wait()
        print("over", flush=True)


if __name__ == "__main__":
    Job(sys.argv[1]).run()
