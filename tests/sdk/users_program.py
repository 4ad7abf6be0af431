"""What users write, on every public name of the SDK: it has to pass ``mypy --strict``.

Nothing here is run; the linters read it, and ``test_public_names`` sees that no name is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path

from mesos_compat.wire.v1 import executor_pb2, mesos_pb2
from mesozoic import bridges, classic, errors
from mesozoic.aio import (
    AgentClient,
    Executor,
    ExecutorDriver,
    FileFrameworkId,
    FrameworkIdStore,
    MemoryFrameworkId,
    OperatorClient,
    Scheduler,
    SchedulerDriver,
    ZooKeeperFrameworkId,
)
from mesozoic.bridges.dask import MesosCluster, MesosWorker
from mesozoic.bridges.spark import (
    Credential,
    SparkUnavailable,
    build,
    jar_path,
    session_builder,
    spark_settings,
    spark_submit,
)
from mesozoic.classic import MesosExecutorDriver, MesosSchedulerDriver
from mesozoic.framework import (
    Backoff,
    Constraint,
    DeclarationError,
    Deposed,
    Explanation,
    Framework,
    HealthCheck,
    InstanceView,
    NotLeading,
    Restart,
    Service,
    StoreFailed,
    Task,
    TaskFailed,
    UnknownName,
    Uri,
    Verdict,
    Volume,
    attribute,
    group_by,
    like,
    max_per,
    unique,
    unlike,
)
from mesozoic.pool import (
    BrokenMesosPool,
    MesosFuture,
    MesosPoolExecutor,
    RemoteError,
    RemoteTraceback,
    WorkerInfo,
    WorkerLost,
)
from mesozoic.testing import Cluster, EmbeddedCluster, FakeAgents, Script, ScriptMismatch

MASTER = "zk://zk1,zk2,zk3/mesos"


class MyScheduler(Scheduler):
    def wants_offers(self) -> bool:
        return True

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        task = mesos_pb2.TaskInfo(name="one", task_id=mesos_pb2.TaskID(value="one"))
        await driver.launch(offers[:1], [task])
        await driver.decline(offers[1:])

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        if status.state == mesos_pb2.TASK_FINISHED:
            await driver.teardown()


class MyExecutor(Executor):
    async def subscribed(
        self, driver: ExecutorDriver, event: executor_pb2.Event.Subscribed
    ) -> None:
        print(event.executor_info.name, driver.settings.sandbox)

    async def launch(self, driver: ExecutorDriver, task: mesos_pb2.TaskInfo) -> None:
        await driver.update(task.task_id, mesos_pb2.TASK_RUNNING)


async def drive(credential: mesos_pb2.Credential) -> None:
    stores: list[FrameworkIdStore] = [
        MemoryFrameworkId(),
        FileFrameworkId(Path("framework_id")),
        ZooKeeperFrameworkId("zk://zk1/my/framework_id"),
    ]
    info = mesos_pb2.FrameworkInfo(name="mine")
    driver = SchedulerDriver(
        MASTER, info, MyScheduler(), credential=credential, framework_ids=stores[0]
    )
    try:
        await driver.run()
    except (errors.CallRefused, errors.SubscriptionRefused) as error:
        print(error)
    await ExecutorDriver(MyExecutor()).run()


async def operate() -> None:
    async with OperatorClient(MASTER) as master, AgentClient("agent:5051") as agent:
        print(await master.get_state(), await agent.get_state())


def double(number: int) -> int:
    return 2 * number


def use_pool() -> int:
    try:
        with MesosPoolExecutor(MASTER, max_workers=2) as pool:
            futures: list[MesosFuture[int]] = [pool.submit(double, n) for n in range(3)]
            workers: list[WorkerInfo] = list(pool.workers())
            print(workers)
            return sum(future.result() for future in as_completed(futures))
    except WorkerLost as lost:
        print(lost)
    except (BrokenMesosPool, RemoteError, RemoteTraceback) as error:
        print(error)
    return 0


async def keep() -> None:
    constraints: list[Constraint] = [
        unique("hostname"),
        max_per("@zone", 2),
        group_by("rack"),
        like("hostname", "web.*"),
        unlike("os", "bsd"),
        attribute("ssd") == "yes",
    ]
    service = Service(
        "web",
        "serve",
        count=2,
        constraints=constraints,
        restart=Restart("always", backoff=Backoff(initial_seconds=1.0)),
        health=HealthCheck(http="/"),
        uris=[Uri("https://example.org/serve", executable=True)],
        volumes=[Volume("data", "/srv/data")],
        resources={"cpus": 0.5, "mem": 64, "ports": 1},
    )
    try:
        async with Framework("shop", MASTER, zk="zk://zk1/shop") as framework:
            framework.add(service)
            task = framework.add(Task("sum", double, args=[21]))
            instances: list[InstanceView] = await framework.wait_running("web")
            explanation: Explanation = framework.explain("web")
            verdicts: list[Verdict] = list(explanation.agents)
            print(instances, explanation, verdicts, await framework.result(task))
    except (DeclarationError, Deposed, NotLeading, StoreFailed, TaskFailed, UnknownName) as error:
        print(error)


class OldScheduler(classic.Scheduler):
    def resourceOffers(
        self, driver: classic.SchedulerDriver, offers: list[classic.mesos_pb2.Offer]
    ) -> None:
        for offer in offers:
            driver.declineOffer(offer.id)


class OldExecutor(classic.Executor):
    def launchTask(self, driver: classic.ExecutorDriver, task: classic.mesos_pb2.TaskInfo) -> None:
        driver.sendFrameworkMessage(b"hello")


def old() -> int:
    framework = classic.mesos_pb2.FrameworkInfo(name="old", user="")
    MesosExecutorDriver(OldExecutor()).run()
    return MesosSchedulerDriver(OldScheduler(), framework, MASTER).run()


def engines() -> None:
    print(bridges.__doc__)
    cluster = MesosCluster(MASTER, n_workers=2)
    workers: list[MesosWorker] = list(cluster.workers.values())
    print(workers)
    try:
        build(directory=Path("jars"))
        credential = Credential("me", "secret")
        session_builder(MASTER, credential=credential).appName("mine").getOrCreate()
        settings = spark_settings(
            MASTER, jar=jar_path(Path("/opt/spark")), spark_home=Path("/opt/spark")
        )
        print(settings, spark_submit(["program.py"]))
    except SparkUnavailable as error:
        print(error)


async def try_out() -> None:
    async with Cluster(agents=0) as cluster, FakeAgents(cluster.url, 10):
        print(cluster.url)


def test_my_scheduler() -> None:
    with Script(MyScheduler()) as script:
        try:
            (task,) = script.expect_launch(on=script.offer("cpus:1"))
            script.update(task.task_id, "TASK_RUNNING")
            script.expect_acknowledgement(task.task_id)
        except ScriptMismatch as mismatch:
            print(mismatch)
    with EmbeddedCluster() as cluster:
        asyncio.run(drive(mesos_pb2.Credential(principal=cluster.url)))
