"""Commands that look at a cluster and change it, for people and for programs."""

from __future__ import annotations

import json

from tests.sdk.cli.running import Up, wait_until


def test_ps_shows_what_runs(up: Up, task: str) -> None:
    text = up.run("ps")
    assert "agents active: 2 of 2" in text
    assert task in text
    found = up.json("ps")
    assert found["master"] == f"http://{up.told['masters'][0]}"
    assert [one["id"] for one in found["tasks"]] == [task]


def test_tasks_that_have_ended_are_shown_when_asked_for(up: Up, task: str) -> None:
    done = up.program("execute", "--name", "quick", "echo out; echo err >&2")
    assert (done.returncode, done.stdout) == (0, "out\n")
    assert "err\n" in done.stderr
    assert [one["name"] for one in up.json("tasks")] == ["sleeper"]
    every = {one["name"]: one["state"] for one in up.json("tasks", "--all")}
    assert every == {"sleeper": "TASK_RUNNING", "quick": "TASK_FINISHED"}
    assert [one["id"] for one in up.json("tasks", "--framework", "sleeper")] == [task]


def test_failure_of_a_task_is_the_command_s(up: Up) -> None:
    done = up.program("execute", "exit 7")
    assert done.returncode == 1
    assert "TASK_FAILED Command exited with status 7" in done.stderr
    told = json.loads(up.program("execute", "--json", "exit 7").stdout)
    assert told["state"] == "TASK_FAILED"


def test_agents_show_what_they_have(up: Up) -> None:
    assert "cpus 4, mem 4096, disk 8192" in up.run("agents")
    hosts = [one["agent_info"]["hostname"] for one in up.json("agents")]
    assert sorted(hosts) == ["127.0.0.1", "127.0.0.2"]


def test_frameworks_show_their_state(up: Up, task: str) -> None:
    del task
    (row,) = [line for line in up.run("frameworks").splitlines() if "sleeper" in line]
    assert "connected" in row
    names = [one["framework_info"]["name"] for one in up.json("frameworks")]
    assert names == ["sleeper"]


def test_logs_print_the_end_and_the_whole(up: Up, task: str) -> None:
    assert up.run("logs", task) == "first\nsecond\n"
    assert up.run("logs", "-n", "1", task) == "second\n"
    assert "wrong\n" in up.run("logs", "--stderr", task)
    # The beginning of an id is enough.
    assert up.run("cat", "sleeper", "stdout") == "first\nsecond\n"
    assert json.loads(up.run("logs", "--json", task))["data"] == "first\nsecond\n"


def test_logs_follow_until_the_task_has_ended(up: Up) -> None:
    program = up.start("execute", "--name", "slow", "echo one; sleep 1; echo two")
    wait_until(lambda: "slow" in up.run("ps"), "the task is launched")
    followed = up.program("logs", "-f", "slow")
    while followed.returncode == 1:
        # It has not begun to write yet.
        assert "has no stdout" in followed.stderr
        followed = up.program("logs", "-f", "slow")
    assert followed.stdout == "one\ntwo\n"
    program.communicate()


def test_sandbox_is_listed(up: Up, task: str) -> None:
    assert "stdout" in up.run("ls", task)
    names = {one["path"].rpartition("/")[2] for one in up.json("ls", task)}
    assert names == {"stdout", "stderr"}
    assert "has no nothing (any more)" in up.fail("cat", task, "nothing")


def test_exec_runs_beside_the_task(up: Up, task: str) -> None:
    done = up.program("exec", task, "sh", "-c", "cat; echo err >&2; exit 5", data="typed\n")
    assert (done.returncode, done.stdout) == (5, "typed\n")
    assert done.stderr == "err\n"
    told = json.loads(up.program("exec", "--json", "--no-stdin", task, "pwd").stdout)
    assert told["exit_code"] == 0
    assert str(up.directory) in told["stdout"]


def test_kill_ends_a_task_through_its_agent(up: Up) -> None:
    program = up.start("execute", "--name", "victim", "sleep 1000")
    wait_until(
        lambda: any(
            one["name"] == "victim" and one["state"] == "TASK_RUNNING" for one in up.json("tasks")
        ),
        "the victim runs",
    )
    assert up.run("kill", "victim").startswith("killed victim-")
    assert "TASK_FAILED" in program.communicate()[0]
    assert "'victim' has ended" in up.fail("kill", "victim")


def test_framework_is_torn_down_by_its_name(up: Up) -> None:
    program = up.start("execute", "--name", "doomed", "sleep 1000")
    wait_until(lambda: "doomed" in up.run("ps"), "the framework is there")
    up.run("kill", "--framework", "doomed")
    program.communicate()
    assert program.returncode == 1
    assert "there is no framework 'doomed'" in up.fail("kill", "--framework", "doomed")


def test_agent_is_drained_and_comes_back(up: Up) -> None:
    agent = next(
        f"{info['hostname']}:{info['port']}"
        for info in (one["agent_info"] for one in up.json("agents"))
        if info["hostname"] == "127.0.0.2"
    )
    # Only if no task is to stay there.
    (other,) = [one for one in up.told["agents"] if one == agent]
    assert "has drained" in up.run("drain", other, "--grace", "0")
    assert "drained" in up.run("agents")
    assert "is offered again" in up.run("drain", other, "--undo")
    assert "there is no agent 'nobody'" in up.fail("drain", "nobody")


def test_quota_is_set_and_taken_back(up: Up) -> None:
    assert up.run("quota", "ls") == "no role has a quota\n"
    up.run("quota", "set", "dev", "--guarantee", "cpus=1", "--limit", "cpus=2")
    (config,) = up.json("quota", "ls")["configs"]
    assert config["role"] == "dev"
    assert config["guarantees"]["cpus"]["value"] == 1.0
    assert "cpus 2" in up.run("quota", "ls")
    up.run("quota", "set", "dev")
    assert up.run("quota", "ls") == "no role has a quota\n"


def test_what_is_not_there_is_named(up: Up) -> None:
    assert "there is no task 'nope'" in up.fail("logs", "nope")
    told = up.fail("--master", "127.0.0.1:1", "agents")
    assert "Is the address right" in told
    assert "is no host:port, URL or zk:// address" in up.fail("--master", "a/b", "ps")


def test_doctor_looks_at_everything(up: Up) -> None:
    findings = up.json("doctor")
    assert {one["verdict"] for one in findings} <= {"ok", "warn", "missing"}
    # Whoever has a complaint says what to do about it.
    assert all(one["advice"] or one["verdict"] == "ok" for one in findings if "port" in one["what"])
    assert {"Python", "cgroups", "disk", "port 5050"} <= {one["what"] for one in findings}
    assert "fdatasync takes" in up.run("doctor")
