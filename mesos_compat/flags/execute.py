"""The flags of ``mesos-execute``: src/cli/execute.cpp of Apache Mesos."""

from __future__ import annotations

from typing import Final

from mesos_compat.flags.loading import Flag, Kind

FLAGS: Final = (
    Flag("capabilities", Kind.TEXT, is_ignored=True),
    Flag("checkpoint", Kind.BOOL, "false", help="keep the task running while its agent restarts"),
    Flag("command", Kind.TEXT, help="what to run in a shell, or with --no-shell the program"),
    Flag("content_type", Kind.TEXT, "protobuf", help="json or protobuf"),
    Flag("docker_image", Kind.TEXT, help="refused: our agents have no images"),
    Flag("env", Kind.JSON, help="a JSON object of variables"),
    Flag("environment", Kind.JSON, help="the same, by its older name"),
    Flag("framework_capabilities", Kind.TEXT, help="names, separated by commas"),
    Flag("help", Kind.BOOL, "false"),
    Flag("kill_after", Kind.DURATION, help="kill the task that long after it runs"),
    Flag("master", Kind.ADDRESS, help="host:port or zk://... of the master"),
    Flag("name", Kind.TEXT, help="of the task"),
    Flag("networks", Kind.TEXT, is_ignored=True),
    Flag("overwrite", Kind.BOOL, "false", is_ignored=True),
    Flag("principal", Kind.TEXT, help="who the framework is"),
    Flag("resources", Kind.TEXT, "cpus:1;mem:128", help="what the task needs"),
    Flag("role", Kind.TEXT, "*", help="of the framework"),
    Flag("secret", Kind.TEXT, help="of the principal"),
    Flag("shell", Kind.BOOL, "true", help="run the command in a shell"),
    Flag("task", Kind.JSON, help="a TaskInfo as JSON, or the file that holds it"),
    Flag("task_group", Kind.JSON, help="a TaskGroupInfo as JSON, or the file that holds it"),
)
