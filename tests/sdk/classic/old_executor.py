"""The executor of the old bindings' test framework: each task runs in a thread, and is answered.

An old program with other imports; an agent starts it.
"""

import os
import sys
import threading
import time

from mesozoic.classic import Executor, MesosExecutorDriver, mesos_pb2


class OldExecutor(Executor):
    def launchTask(self, driver, task):
        def run_task():
            for state in (mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED):
                update = mesos_pb2.TaskStatus()
                update.task_id.value = task.task_id.value
                update.state = state
                update.data = b"data with a \0 byte"
                driver.sendStatusUpdate(update)
                if state == mesos_pb2.TASK_RUNNING:
                    time.sleep(float(task.data or b"0"))

        threading.Thread(target=run_task).start()

    def registered(self, driver, executorInfo, frameworkInfo, slaveInfo):
        self.known = [executorInfo.executor_id.value, frameworkInfo.name, slaveInfo.hostname]

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(message + b" " + " ".join(self.known).encode())

    def shutdown(self, driver):
        with open(os.environ["SHUT_DOWN"], "a") as file:
            file.write("x")


if __name__ == "__main__":
    status = MesosExecutorDriver(OldExecutor()).run()
    sys.exit(0 if status == mesos_pb2.DRIVER_STOPPED else 1)
