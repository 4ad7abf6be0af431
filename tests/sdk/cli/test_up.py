"""A cluster begins, is found, tells of what ends, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from pathlib import Path

import psutil
from click.testing import CliRunner

from mesozoic.cli import main
from tests.sdk.cli.running import Up, wait_until


def test_kept_data_are_found_again_and_a_member_that_dies_is_told_of(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Up(tmp_path, "--data", str(data))
    first.run("zk", "create", "/kept", "still here")
    (agent,) = [one for one in first.processes() if "mesos_compat.cli.agent" in one.cmdline()]
    agent.kill()
    log = data / "agent1" / "log"
    wait_until(lambda: not psutil.pid_exists(agent.pid), "the agent is waited for")
    told = first.interrupt()
    assert "agent1 was ended by SIGKILL; its log ends with" in told
    assert log.exists()
    assert first.processes() == []

    second = Up(tmp_path, "--data", str(data), "--agents", "0")
    try:
        assert second.told["zk"] == first.told["zk"]
        assert second.run("zk", "get", "/kept") == "still here\n"
    finally:
        second.close()
    other = CliRunner().invoke(main, ["up", "--data", str(data), "--servers", "3"])
    assert other.exit_code == 1
    assert "holds an ensemble of 1 ZooKeeper servers, not of 3" in other.stderr


def test_nothing_is_left_of_a_cluster_whose_command_is_killed(tmp_path: Path) -> None:
    cluster = Up(tmp_path)
    program = cluster.start("execute", "sleep 1000")

    def task_runs() -> bool:
        return any("sleep" in one.cmdline()[:1] for one in cluster.processes() if _lives(one))

    wait_until(task_runs, "the task runs")
    os.kill(cluster.process.pid, signal.SIGKILL)
    cluster.process.communicate()
    wait_until(lambda: not cluster.directory.exists(), "its data are removed")
    assert cluster.processes() == []
    assert list((tmp_path / "mesozoic").iterdir()) == []
    program.kill()
    program.communicate()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.cmdline())
    except psutil.Error:
        return False


def test_several_of_each_find_each_other(tmp_path: Path) -> None:
    cluster = Up(tmp_path, "--servers", "3", "--masters", "2", "--agents", "1")
    try:
        assert len(cluster.told["zk"].split(",")) == 3
        elected = []
        for address in cluster.told["masters"]:
            connection = http.client.HTTPConnection(address)
            connection.request("GET", "/metrics/snapshot")
            elected.append(json.loads(connection.getresponse().read())["master/elected"])
            connection.close()
        assert sorted(elected) == [0, 1]
        assert len(cluster.json("agents")) == 1
    finally:
        cluster.close()


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
        result = CliRunner().invoke(main, ["up", "--master-port", str(port)], env=environment)
    assert result.exit_code == 1
    assert f"port {port}, which master1 was to have, is taken" in result.stderr


def test_without_a_cluster_commands_say_how_to_get_one(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "MESOZOIC_MASTER": "", "MESOZOIC_ZK": ""}
    for command, variable in ((["ps"], "MESOZOIC_MASTER"), (["zk", "ls"], "MESOZOIC_ZK")):
        result = CliRunner().invoke(main, command, env=environment)
        assert result.exit_code == 1
        assert "Start a cluster with 'mesozoic up', or give" in result.stderr
        assert variable in result.stderr


def test_demo_shows_what_it_says(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo"], env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert result.exit_code == 0, result.output
    assert "the watch told of it: CHANGED /demo" in result.stdout
    assert "TASK_FINISHED" in result.stdout
    assert "tasks have counted the" in result.stdout
    assert result.stdout.rstrip().endswith("'mesozoic ps' in another.")
