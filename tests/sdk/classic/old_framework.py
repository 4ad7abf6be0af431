"""The test framework of the old bindings, from its documented behaviour: an old program.

It launches five tasks with an executor of its own on what is offered, sends each executor a
message when a task has finished, and stops when all messages have come back.
"""

import sys

from mesozoic.classic import MesosSchedulerDriver, Scheduler, mesos_pb2

TOTAL_TASKS = 5
TASK_CPUS = 0.1
TASK_MEM = 16


class OldScheduler(Scheduler):
    def __init__(self, implicitAcknowledgements, executor, total=TOTAL_TASKS, seconds=b"0"):
        self.implicitAcknowledgements = implicitAcknowledgements
        self.executor = executor
        self.total = total
        self.seconds = seconds
        self.taskData = {}
        self.tasksLaunched = 0
        self.tasksFinished = 0
        self.messagesSent = 0
        self.messagesReceived = 0
        self.story = []
        self.frameworkId = None

    def registered(self, driver, frameworkId, masterInfo):
        self.frameworkId = frameworkId
        self.story.append("registered")
        assert masterInfo.port

    def reregistered(self, driver, masterInfo):
        self.story.append("reregistered")

    def disconnected(self, driver):
        self.story.append("disconnected")

    def resourceOffers(self, driver, offers):
        for offer in offers:
            tasks = []
            offerCpus = offerMem = 0.0
            for resource in offer.resources:
                if resource.name == "cpus":
                    offerCpus += resource.scalar.value
                elif resource.name == "mem":
                    offerMem += resource.scalar.value
            while (
                self.tasksLaunched < self.total and offerCpus >= TASK_CPUS and offerMem >= TASK_MEM
            ):
                tid = self.tasksLaunched
                self.tasksLaunched += 1
                task = mesos_pb2.TaskInfo()
                task.task_id.value = str(tid)
                task.slave_id.value = offer.slave_id.value
                task.name = f"task {tid}"
                task.data = self.seconds
                task.executor.MergeFrom(self.executor)
                for name, amount in (("cpus", TASK_CPUS), ("mem", TASK_MEM)):
                    resource = task.resources.add()
                    resource.name = name
                    resource.type = mesos_pb2.Value.SCALAR
                    resource.scalar.value = amount
                tasks.append(task)
                self.taskData[task.task_id.value] = (offer.slave_id, task.executor.executor_id)
                offerCpus -= TASK_CPUS
                offerMem -= TASK_MEM
            operation = mesos_pb2.Offer.Operation()
            operation.type = mesos_pb2.Offer.Operation.LAUNCH
            operation.launch.task_infos.extend(tasks)
            driver.acceptOffers([offer.id], [operation])

    def statusUpdate(self, driver, update):
        self.story.append(mesos_pb2.TaskState.Name(update.state))
        if update.source == mesos_pb2.TaskStatus.SOURCE_EXECUTOR:
            assert update.data == b"data with a \0 byte"
        if update.state == mesos_pb2.TASK_FINISHED:
            self.tasksFinished += 1
            slave_id, executor_id = self.taskData[update.task_id.value]
            self.messagesSent += 1
            driver.sendFrameworkMessage(executor_id, slave_id, b"data with a \0 byte")
        if update.state in (
            mesos_pb2.TASK_LOST,
            mesos_pb2.TASK_KILLED,
            mesos_pb2.TASK_FAILED,
        ):
            self.story.append(update.message)
            driver.abort()
        if not self.implicitAcknowledgements:
            driver.acknowledgeStatusUpdate(update)

    def frameworkMessage(self, driver, executorId, slaveId, message):
        self.messagesReceived += 1
        assert message.startswith(b"data with a \0 byte default old test framework"), message
        if self.messagesReceived == self.total:
            assert self.messagesReceived == self.messagesSent
            driver.stop()


def executor_of(program, shut_down):
    executor = mesos_pb2.ExecutorInfo()
    executor.executor_id.value = "default"
    executor.command.value = f"exec {sys.executable} {program}"
    variable = executor.command.environment.variables.add()
    variable.name, variable.value = "SHUT_DOWN", str(shut_down)
    executor.name = "Test Executor (Python)"
    return executor


def framework_of(**given):
    framework = mesos_pb2.FrameworkInfo(**given)
    framework.user = ""
    framework.name = "old test framework"
    framework.checkpoint = True
    return framework


def main(master, program, shut_down):
    scheduler = OldScheduler(True, executor_of(program, shut_down))
    driver = MesosSchedulerDriver(scheduler, framework_of(), master)
    status = 0 if driver.run() == mesos_pb2.DRIVER_STOPPED else 1
    driver.stop()
    print(scheduler.tasksFinished, "tasks finished,", scheduler.messagesReceived, "messages came")
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
