"""A program as people submit it: it names no master, and knows nothing of ours."""
# mypy: ignore-errors

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

if __name__ == "__main__":
    spark = SparkSession.builder.appName("spark_submitted").getOrCreate()
    print("submitted", spark.sparkContext.parallelize(range(int(sys.argv[1])), 4).sum(), flush=True)
    spark.stop()
