"""A small map-reduce engine on Mesos, to be read: how to write an engine with the SDK.

::

    job = Job(inputs=[...], mapper=words, reducer=sum, reduces=4)
    counts = asyncio.run(run_job(job, "zk://zk1,zk2,zk3/mesos", print))

A job has two stages (Dean and Ghemawat, *MapReduce*, OSDI 2004). Each input becomes a **map**
task: ``mapper(input)`` gives pairs of key and value, which go into one file for each reducer, by
a hash of the key. When all maps are done, **reduce** task *r* fetches file *r* of every map (the
*shuffle*), puts the values of each key together and writes ``{key: reducer(values)}``. The
driver fetches these in the end.

Tasks run in *workers*: executors of ours, one on each agent that has offered something. What they
write lies in their sandboxes, and everybody fetches it over HTTP from the *agent*
(``/files/download``), not from the worker. So a worker may die, and what it had finished is still
there; only its running tasks are run again. An output is lost with its agent. Then whoever fetches
notices first, names the output in its failure, and the map that made it is run again: the job
remembers of each output what it was made of (its *lineage*), not the output itself.

* :mod:`~mapreduce.plan`: which task is to run next, and again; pure.
* :mod:`~mapreduce.driver`: the scheduler, which asks the plan and launches.
* :mod:`~mapreduce.worker`: the executor program.
* :mod:`~mapreduce.shuffle`: files in sandboxes, and how to fetch them.
"""

from mapreduce.driver import run_job
from mapreduce.plan import Job, JobFailed

__all__ = ["Job", "JobFailed", "run_job"]
