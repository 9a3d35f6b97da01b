"""Translates a table of texts with Spark: `spark-submit scripts/spark/translate.py --help`.

Spark schedules, retries, speculates and commits; `dolmetsch translate --lines --format jsonl` translates, one process for
each task. See README.md beside this file.
"""

import argparse
import json
import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator

from pyspark import SparkFiles
from pyspark.sql import Row, SparkSession
from pyspark.sql import types as T

SPAN = T.ArrayType(T.IntegerType())
TRANSLATION = [
    T.StructField("source", T.StringType()),
    T.StructField("target", T.StringType()),
    T.StructField(
        "alignment",
        T.ArrayType(
            T.StructType(
                [
                    T.StructField("source", SPAN),
                    T.StructField("target", SPAN),
                    T.StructField("score", T.DoubleType()),
                ]
            )
        ),
    ),
    T.StructField("score", T.DoubleType()),
    T.StructField("flags", T.ArrayType(T.StringType())),
    T.StructField("model", T.StringType()),
    T.StructField("revision", T.StringType()),
]
# Tokens that a sentence costs whatever its length.
OVERHEAD = 4
# Characters of a German token, more or less.
TOKEN = 4


def cost(text: str | None) -> int:
    """About so many tokens."""
    return OVERHEAD + len(text or "") // TOKEN


def balanced(rows, tokens: int):
    """The rows in partitions of `tokens` tokens each, in their order, so that none takes much longer than the others.

    One pass over the texts adds up the tokens of each partition that there is; then every row knows how many tokens stand
    before it, and so its new partition.
    """
    sums = rows.mapPartitions(lambda part: [sum(cost(row[0]) for row in part)]).collect()
    starts = [sum(sums[:index]) for index in range(len(sums))]

    def numbered(index: int, part: Iterable) -> Iterator:
        before = starts[index]
        for row in part:
            yield before // tokens, row
            before += cost(row[0])

    partitions = max(1, -(-sum(sums) // tokens))
    return rows.mapPartitionsWithIndex(numbered).partitionBy(partitions, lambda number: number).values()


def one_line(text: str | None) -> str:
    return re.sub(r"[\r\n]+", " ", text or "").strip()


class Dolmetsch:
    """The translations of one partition."""

    def __init__(self, command: list[str]):
        self.command = command

    def __call__(self, rows: Iterable) -> Iterator:
        command = [self.command[0], *self.command[1:]]
        shipped = SparkFiles.get(os.path.basename(command[0]))
        if os.path.exists(shipped):  # with `spark-submit --files`
            os.chmod(shipped, 0o755)
            command[0] = shipped
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sent: deque = deque()
        failure: list[BaseException] = []
        errors: list[bytes] = []

        def feed() -> None:
            try:
                with process.stdin as lines:
                    for row in rows:
                        sent.append(row)
                        lines.write((one_line(row[0]) + "\n").encode())
            except BrokenPipeError:
                pass  # the exit code says why
            except BaseException as error:  # noqa: BLE001 - reported by the task
                failure.append(error)

        feeder = threading.Thread(target=feed, daemon=True)
        listener = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)
        feeder.start()
        listener.start()
        try:
            for line in process.stdout:
                yield translated(sent.popleft(), json.loads(line))
            feeder.join()
            listener.join()
            if failure:
                raise failure[0]
            code = process.wait()
            if code != 0 or sent:
                message = b"".join(errors).decode(errors="replace")[-2000:]
                raise RuntimeError(f"dolmetsch ended with {code}, {len(sent)} lines short: {message}")
        finally:
            process.kill()
            process.wait()


def translated(row: tuple, record: dict) -> Row:
    source, *others = row
    if source is None:
        return (None,) * len(TRANSLATION) + tuple(others)
    links = [(link["source"], link["target"], link["score"]) for link in record["alignment"]]
    values = (record["source"], record["target"], links, float(record["score"]), record["flags"])
    return (*values, record["model"], record["revision"], *others)


def read(spark: SparkSession, form: str, paths: list[str]):
    match form:
        case "text":
            return spark.read.text(paths)
        case "jsonl":
            return spark.read.json(paths)
        case _:
            return spark.read.parquet(*paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", nargs="+", help="files or folders, on whatever Spark reads")
    parser.add_argument("--output", required=True, help="a folder for Parquet files, which must not be there yet")
    parser.add_argument("--format", choices=["text", "jsonl", "parquet"], default="parquet", help="of the input")
    parser.add_argument("--field", default="text", help="field or column with the text, one segment each")
    parser.add_argument("--keep", default="", help="other fields to keep, with commas between")
    parser.add_argument("--to", required=True, help="target language")
    parser.add_argument("--partition-tokens", type=int, default=200_000, help="tokens of a task, about [%(default)s]")
    parser.add_argument("--program", default="dolmetsch", help="on every worker, or shipped with --files")
    parser.add_argument("options", nargs="*", help="after --: options of `dolmetsch translate`, such as --model FOLDER")
    arguments, more = parser.parse_known_args()

    spark = SparkSession.builder.appName("dolmetsch").getOrCreate()
    table = read(spark, arguments.format, arguments.input)
    field = "value" if arguments.format == "text" else arguments.field
    kept = [name for name in arguments.keep.split(",") if name]
    table = table.select(field, *kept)

    command = [arguments.program, "translate", "--lines", "--format", "jsonl", "--quiet", "--to", arguments.to, *more]
    rows = balanced(table.rdd.map(tuple), arguments.partition_tokens).mapPartitions(Dolmetsch(command))
    schema = T.StructType(TRANSLATION + [table.schema[name] for name in kept])
    spark.createDataFrame(rows, schema).write.parquet(arguments.output)
    spark.stop()


if __name__ == "__main__":
    main()
