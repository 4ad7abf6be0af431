"""A scheduler on pymesos that does as standard input says and prints what it hears of.

``pymesos_scheduler.py zk://... EXECUTOR_COMMAND``; the lines it takes are the names of the
methods below that begin with ``do_``, with their arguments.
"""
# mypy: ignore-errors
# ruff: noqa: ARG002, D102, N802 - the library names these methods and what they take

import getpass
import sys
import threading

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

TASK_CPUS, TASK_MEM = 0.1, 32
EXECUTOR_CPUS, EXECUTOR_MEM = 0.1, 64


def scalar(name, value):
    """A Resource."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def amount(offer, name):
    """How much of a scalar an offer holds."""
    return sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == name)


class ToldScheduler(Scheduler):
    """Launches what is pending on whatever is offered, spread over the offers."""

    def __init__(self, executor_command):
        self.executor_command = executor_command
        self.lock = threading.RLock()
        self.pending = []
        self.executors = {}
        self.driver = None

    # What the master says.

    def registered(self, driver, framework_id, master_info):
        self.say("registered", framework_id["value"])

    def reregistered(self, driver, master_info):
        self.say("reregistered", master_info["port"])

    def disconnected(self, driver):
        self.say("disconnected")

    def resourceOffers(self, driver, offers):
        with self.lock:
            chosen = {offer["id"]["value"]: [] for offer in offers}
            room = {
                offer["id"]["value"]: int(amount(offer, "cpus") / TASK_CPUS) - 1 for offer in offers
            }
            while self.pending and any(room.values()):
                offer = max(offers, key=lambda one: room[one["id"]["value"]])
                chosen[offer["id"]["value"]].append(self.task(self.pending.pop(0), offer))
                room[offer["id"]["value"]] -= 1
            for offer in offers:
                if tasks := chosen[offer["id"]["value"]]:
                    driver.launchTasks(offer["id"], tasks, {"refuse_seconds": 0})
                else:
                    driver.declineOffer(offer["id"], {"refuse_seconds": 3600})

    def statusUpdate(self, driver, update):
        data = decode_data(update["data"]).decode() if "data" in update else ""
        words = (
            update["task_id"]["value"],
            update["state"],
            data or "-",
            update.get("reason", "-"),
        )
        self.say("update", *words)

    def frameworkMessage(self, driver, executor_id, agent_id, message):
        self.executors[executor_id["value"]] = (executor_id, agent_id)
        self.say("message", executor_id["value"], decode_data(message).decode())

    def offerRescinded(self, driver, offer_id):
        self.say("rescinded")

    def slaveLost(self, driver, agent_id):
        self.say("agent-lost")

    def executorLost(self, driver, executor_id, agent_id, status):
        self.say("executor-lost", executor_id["value"], status)

    def error(self, driver, message):
        self.say("error", message)

    def processHeartBeat(self, driver):
        self.say("heartbeat")

    # What standard input says.

    def do_launch(self, prefix, count):
        with self.lock:
            self.pending += [(f"{prefix}-{number}", number) for number in range(int(count))]
        self.driver.reviveOffers()

    def do_tell(self, text):
        for executor_id, agent_id in self.executors.values():
            self.driver.sendFrameworkMessage(executor_id, agent_id, encode_data(text.encode()))

    def do_kill(self, name):
        self.driver.killTask({"value": name})

    def do_reconcile(self, *names):
        self.driver.reconcileTasks([{"task_id": {"value": name}} for name in names])

    def do_suppress(self):
        self.driver.suppressOffers()

    def do_stop(self):
        self.driver.stop()

    def task(self, named, offer):
        name, number = named
        agent_id = offer["agent_id"]
        executor_id = "squares-" + agent_id["value"].rsplit("-", 1)[1]
        return {
            "task_id": {"value": name},
            "agent_id": agent_id,
            "name": name,
            "data": encode_data(str(number).encode()),
            "resources": [scalar("cpus", TASK_CPUS), scalar("mem", TASK_MEM)],
            "executor": {
                "executor_id": {"value": executor_id},
                "name": "squares",
                "source": "conformance",
                "command": {"value": self.executor_command},
                "resources": [scalar("cpus", EXECUTOR_CPUS), scalar("mem", EXECUTOR_MEM)],
            },
        }

    def say(self, *words):
        with self.lock:
            print(*words, flush=True)


def main():
    """Run until told to stop."""
    uri, executor_command = sys.argv[1:]
    framework = {"user": getpass.getuser(), "name": "pymesos-squares", "checkpoint": True}
    scheduler = ToldScheduler(executor_command)
    driver = MesosSchedulerDriver(scheduler, framework, uri)
    scheduler.driver = driver
    driver.start()
    for line in sys.stdin:
        verb, *arguments = line.split()
        getattr(scheduler, "do_" + verb)(*arguments)
        if verb == "stop":
            break
    driver.join()
    scheduler.say("stopped")


if __name__ == "__main__":
    main()
