"""The scenes of Apache's own client: the Java library under its command line shell, zkCli."""

from __future__ import annotations

from conformance.clients.compare import ClientUnavailable
from conformance.clients.java.toolchain import debian_classpath, run_java
from conformance.demo.stage import ROOT, SceneSkipped, Stage, expect

_MAIN_CLASS = "org.apache.zookeeper.ZooKeeperMain"
_QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=off",)


def _typed(stage: Stage, *commands: str) -> list[str]:
    """The lines that zkCli prints for ``commands``.

    Raises :class:`SceneSkipped` without a JVM or the library and ``RuntimeError`` when the
    shell does not end.
    """
    try:
        classpath = debian_classpath()
        done = run_java(
            _MAIN_CLASS,
            classpath,
            ["-server", stage.server.address],
            stdin="".join(f"{command}\n" for command in (*commands, "quit")),
            options=_QUIET,
            merge_errors=True,
        )
    except ClientUnavailable as missing:
        raise SceneSkipped(str(missing)) from missing
    return done.stdout.splitlines()


def works(stage: Stage) -> str:
    """Java reads what kazoo wrote, and kazoo what Java wrote."""
    stage.client.set(f"{ROOT}/config", b"written-by-kazoo")
    written = "written-by-java"
    lines = _typed(stage, f"get {ROOT}/config", f"create {ROOT}/java {written}", f"ls {ROOT}")
    expect("written-by-kazoo" in lines, "Java reads what kazoo wrote", lines)
    children = sorted(stage.client.get_children(ROOT))
    expect("java" in children, "kazoo sees the znode that Java made", children)
    expect(f"[{', '.join(children)}]" in lines, "Java lists what kazoo lists", lines)
    data = stage.client.get(f"{ROOT}/java")[0].decode()
    expect(data == written, "kazoo reads what Java wrote", data)
    stage.java_data = data
    return f"zkCli read kazoo's data and wrote {ROOT}/java, which kazoo read"


def works_again(stage: Stage) -> str:
    """Java finds its data on the server that came back."""
    if not stage.java_data:
        raise SceneSkipped("zkCli did not run before the crash")
    lines = _typed(stage, f"get {ROOT}/java")
    expect(stage.java_data in lines, "Java finds what it wrote before the crash", lines)
    return f"zkCli found its {ROOT}/java again"
