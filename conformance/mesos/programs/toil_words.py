"""A toil workflow: counts the words of texts, each in a job of its own, and adds them up.

Run by a Python with toil; its own argument is a directory in which jobs on the agents and the
test that watches them leave files for each other. Prints ``result`` and a JSON object.
"""
# mypy: ignore-errors
# ruff: noqa: ARG001 - toil passes the job

import argparse
import collections
import json
import os
import time
from pathlib import Path

from toil.common import Toil
from toil.job import Job

TEXTS = 6
HELD = 3


def text_of(number):
    """The words of one text: word k is there k * number times."""
    return " ".join(f"word{k}" for k in range(1, 5) for _ in range(k * number))


def count(job, file_id, number, marks):
    """The words of one text, by way of the job store; one job fails at its first try."""
    attempt = Path(marks, f"failed-{number}")
    if number == 1 and not attempt.exists():
        attempt.touch()
        raise RuntimeError("fails once, as told")
    path = job.fileStore.readGlobalFile(file_id)
    return collections.Counter(Path(path).read_text().split())


def hold(job, counted, number, marks):
    """Passes on the ``number``-th part of the counts when the test says so."""
    Path(marks, f"held-{number}").write_text(os.environ["MESOS_EXECUTOR_ID"])
    while not Path(marks, "release").exists():
        time.sleep(0.05)
    return [dict(counts) for counts in counted[number::HELD]]


def split(job, marks):
    """Starts a job for each text, and what follows when all have ended."""
    counted = []
    for number in range(1, TEXTS + 1):
        with job.fileStore.writeGlobalFileStream() as (stream, file_id):
            stream.write(text_of(number).encode())
        counted.append(job.addChildJobFn(count, file_id, number, marks).rv())
    return job.addFollowOnJobFn(gather, counted, marks).rv()


def gather(job, counted, marks):
    """Hands the counts to jobs that are held for a while."""
    held = [job.addChildJobFn(hold, counted, number, marks).rv() for number in range(HELD)]
    return job.addFollowOnJobFn(add, held).rv()


def add(job, held):
    """The sum of all counts."""
    total = collections.Counter()
    for parts in held:
        for counts in parts:
            total.update(counts)
    return dict(total)


def main():
    """Runs the workflow."""
    parser = argparse.ArgumentParser()
    Job.Runner.addToilOptions(parser)
    parser.add_argument("marks")
    options = parser.parse_args()
    with Toil(options) as toil:
        result = toil.start(Job.wrapJobFn(split, options.marks))
    print("result", json.dumps(result, sort_keys=True), flush=True)


if __name__ == "__main__":
    main()
