"""An operator's tool on pymesos: asks the master for what it knows, and watches its events.

``pymesos_operator.py HOST:PORT``: prints what the calls say, then every event until its
standard input ends.
"""
# mypy: ignore-errors
# ruff: noqa: D102, N802 - the library names these methods and what they take

import sys
import threading

from pymesos import MesosOperatorMasterDriver, OperatorMaster


class Watcher(OperatorMaster):
    """Prints each event."""

    def taskAdded(self, task_info):
        print("task-added", task_info["task_id"]["value"], flush=True)

    def taskUpdated(self, task_info):
        print("task-updated", task_info["state"], flush=True)

    def frameworkAdded(self, framework_info):
        print("framework-added", framework_info["framework_info"]["name"], flush=True)

    def frameworkRemoved(self, framework_info):
        print("framework-removed", framework_info["framework_info"]["name"], flush=True)


SUBSCRIBED = threading.Event()


class Driver(MesosOperatorMasterDriver):
    """Says when its stream is open."""

    def on_subscribed(self, info):
        super().on_subscribed(info)
        SUBSCRIBED.set()


def main():
    """Ask, then watch."""
    driver = Driver(sys.argv[1], Watcher())
    driver.start()
    print("health", driver.getHealth()["get_health"]["healthy"], flush=True)
    print("version", driver.getVersion()["get_version"]["version_info"]["version"], flush=True)
    print("agents", len(driver.getAgents()["get_agents"]["agents"]), flush=True)
    print("master", driver.getMaster()["get_master"]["master_info"]["port"], flush=True)
    print("frameworks", len(driver.getFrameworks()["get_frameworks"].get("frameworks", [])))
    print("asked", flush=True)
    SUBSCRIBED.wait()
    print("watching", flush=True)
    sys.stdin.read()
    driver.stop()
    driver.join()


if __name__ == "__main__":
    main()
