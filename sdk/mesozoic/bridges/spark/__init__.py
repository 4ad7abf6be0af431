"""Apache Spark on Mesos without libmesos.

Spark up to 3.5 schedules its executors on Mesos, through a class of Mesos's Java library that
loads a native one. Here that class is replaced by one in Java that speaks the HTTP API, so that
Spark as published runs on any master::

    spark = session_builder("zk://zk1,zk2,zk3/mesos").getOrCreate()      # in Python
    mesozoic spark-submit --master mesos://zk://zk1,zk2,zk3/mesos job.py  # anything else

::

    your program --py4j--> Spark's driver (JVM) --Scheduler, SchedulerDriver--> our class
                              ^                                                   |
                              | TCP                                  HTTP, /api/v1/scheduler
                              |                                                   v
                           executors <----- started as tasks by agents <------ master

* ``java/``: the class, with those that it is made of; ``MesosSchedulerDriver.java`` has the
  picture.
* :mod:`.building`: compiles it against the jars of the Spark that is installed, once.
* :mod:`.settings`: what Spark has to be told: where that jar is, where agents find Spark, which
  address executors find the driver at.
* :mod:`.sessions` and :mod:`.submitting`: the two ways in.

Agents need Spark at the same path (or ``spark.executor.uri``, an archive to fetch) and a Java
runtime; they start executors through Spark's own ``bin/spark-class``. Spark's client mode is
what is meant: the driver runs where the program was started. Fine-grained mode (deprecated since
Spark 2) needs libmesos within its executors and does not work.

Masters that speak TLS are named by ``https://`` or ``spark.mesozoic.tls.enabled=true``.
``spark.mesozoic.tls.ca`` is a PEM file with the authorities to trust, if those are not the JVM's,
and implies the other.

Spark 4 has no Mesos any more: ``pip install "pyspark<4"``.
"""

from mesozoic.bridges.spark.building import SparkUnavailable, build, jar_path
from mesozoic.bridges.spark.sessions import session_builder
from mesozoic.bridges.spark.settings import Credential, spark_settings
from mesozoic.bridges.spark.submitting import spark_submit

__all__ = [
    "Credential",
    "SparkUnavailable",
    "build",
    "jar_path",
    "session_builder",
    "spark_settings",
    "spark_submit",
]
