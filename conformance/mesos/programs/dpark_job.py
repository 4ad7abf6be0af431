"""A job for dpark: two shuffles on executors that Mesos starts.

``dpark_job.py -m MASTER ...``; prints the sums by remainder, and how often each sum's length
occurs.
"""
# mypy: ignore-errors

from operator import add

from dpark import DparkContext

NUMBERS = 10_000
DIVISOR = 7
FACTOR = 3


def main():
    """Both shuffles, checked by whoever reads what is printed."""
    context = DparkContext()
    numbers = context.parallelize(range(NUMBERS), 8)
    sums = (
        numbers.map(lambda number: (number % DIVISOR, number * FACTOR))
        .reduceByKey(add, 4)
        .collectAsMap()
    )
    print("sums", *["%d:%d" % pair for pair in sorted(sums.items())], flush=True)  # noqa: UP031
    lengths = numbers.groupBy(lambda number: len(str(number)), 3).mapValue(len).collectAsMap()
    print("lengths", *["%d:%d" % pair for pair in sorted(lengths.items())], flush=True)  # noqa: UP031


if __name__ == "__main__":
    main()
