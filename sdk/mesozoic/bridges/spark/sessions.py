"""Spark sessions in this process, for programs that use pyspark themselves."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from mesozoic.bridges.spark.building import SparkUnavailable, find_spark_home, jar_path
from mesozoic.bridges.spark.settings import (
    DRIVER_CLASS_PATH,
    SECRET,
    SECRET_VARIABLE,
    Credential,
    joined_class_path,
    spark_settings,
)
from mesozoic.errors import MesozoicError


class SessionBuilder(Protocol):
    """What is used here of ``pyspark.sql.SparkSession.Builder``."""

    def config(self, key: str, value: str) -> Self:
        """Set one of Spark's settings."""

    def appName(self, name: str) -> Self:  # noqa: N802 - Spark's
        """Name the application, which is the framework's name at the master."""

    def getOrCreate(self) -> Any:  # noqa: N802 - Spark's
        """The session."""


def session_builder(
    master: str,
    *,
    app_name: str | None = None,
    credential: Credential | None = None,
    tls_ca: Path | None = None,
    driver_host: str | None = None,
    config: Mapping[str, str] | None = None,
) -> SessionBuilder:
    """A ``pyspark.sql.SparkSession.Builder`` for ``master``, with all that it needs set.

    ``master`` is ``host:port``, ``zk://...`` or what else Mesos takes, with or without
    ``mesos://``. ``config`` has further settings of Spark and outweighs what is set here, but for
    the class path, to which it adds. ``tls_ca`` is a PEM file with the certificates to trust, and
    makes https of the masters' addresses; ``driver_host`` the address that executors connect to.

    Sets ``PYSPARK_PYTHON`` to this interpreter unless it is set: executors use the same Python.
    A secret is left in the environment, where Spark looks for it.

    Raises :class:`~mesozoic.bridges.spark.SparkUnavailable` without pyspark or a JDK, and
    :class:`~mesozoic.errors.MesozoicError` when a JVM of Spark runs in this process that was
    started without our driver.
    """
    try:
        pyspark = importlib.import_module("pyspark")
        sql = importlib.import_module("pyspark.sql")
    except ImportError as error:
        raise SparkUnavailable(f'pyspark is not here: pip install "pyspark<4" ({error})') from error
    home = find_spark_home()
    jar = jar_path(home)
    settings = spark_settings(
        master,
        jar=jar,
        spark_home=home,
        driver_host=driver_host,
        principal=credential.principal if credential else None,
        tls_ca=tls_ca,
    )
    for key, value in (config or {}).items():
        settings[key] = joined_class_path(jar, value) if key == DRIVER_CLASS_PATH else value
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    is_running = _is_running_with(pyspark.SparkContext, jar)
    if credential is not None:
        if is_running:
            # That JVM has the environment it was started in.
            settings[SECRET] = credential.secret
        else:
            os.environ[SECRET_VARIABLE] = credential.secret
    builder: SessionBuilder = sql.SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder if app_name is None else builder.appName(app_name)


def _is_running_with(context: Any, jar: Path) -> bool:
    """Whether this process has a JVM of Spark already; a class path cannot be changed any more."""
    jvm = context._jvm
    if jvm is None:
        return False
    class_path = str(jvm.java.lang.System.getProperty("java.class.path"))
    if str(jar) not in class_path.split(os.pathsep):
        raise MesozoicError(
            "Spark's JVM was started in this process without the driver for Mesos; make the first "
            "session by session_builder, in a new process"
        )
    return True
