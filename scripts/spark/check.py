"""Translates 5,000 lines on a cluster of two workers, kills one executor half-way, and compares with one process.

    scripts/spark/check.sh [PROGRAM] [--lines N]      (it makes the environment and starts this)
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NTREX = ROOT.parent / "shared/data/tests/ntrex/ntrex-dev.de"
TASKS = 16


def lines(count: int) -> list[str]:
    if NTREX.exists():
        texts = NTREX.read_text(encoding="utf-8").splitlines()
    else:
        print(f"{NTREX} is absent: using lines of my own")
        texts = [f"Der Ausschuss hat am {day}. Mai über den Antrag beraten." for day in range(1, 30)]
    numbered = [f"{texts[index % len(texts)]} ({index})" for index in range(count)]
    numbered[17] = ""
    return numbered


def executors(driver: int) -> list[int]:
    """Process ids of the executors below a driver."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue

    def below(process: int) -> bool:
        while process in parents and process != driver:
            process = parents[process]
        return process == driver

    return [
        process
        for process, name in names.items()
        if b"CoarseGrainedExecutorBackend" in name and name.split(b"\0")[0].endswith(b"java") and below(process)
    ]


def committed(output: Path) -> int:
    return len(list(output.glob("_temporary/0/task_*")))


def on_cluster(arguments, source: Path, output: Path) -> None:
    spark = Path(pyspark.__file__).parent
    command = [
        str(spark / "bin/spark-submit"), "--master", "local-cluster[2,1,1024]",
        "--conf", "spark.ui.enabled=false", "--conf", "spark.executor.memory=1024m",
        str(HERE / "translate.py"), str(source), "--output", str(output), "--keep", "id", "--to", "en",
        "--program", arguments.program, "--partition-tokens", str(arguments.partition_tokens),
        "--model", str(arguments.model), "--threads", "1",
    ]  # fmt: skip
    environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
    with tempfile.TemporaryFile() as log:
        driver = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        killed = None
        while driver.poll() is None:
            if killed is None and committed(output) >= TASKS // 2 - 1:
                if found := executors(driver.pid):
                    killed = found[0]
                    os.kill(killed, signal.SIGKILL)
                    print(f"killed executor {killed} of {found} after {committed(output)} of about {TASKS} tasks")
            time.sleep(0.02)
        log.seek(0)
        text = log.read().decode(errors="replace")
    if driver.returncode != 0:
        sys.exit(f"FAILED: spark-submit ended with {driver.returncode}\n{text[-5000:]}")
    if killed is None:
        sys.exit("FAILED: the job was over before an executor could be killed (use more --lines)")
    lost = [line for line in text.splitlines() if "Lost executor" in line or "Lost task" in line]
    print(f"Spark lost and did again: {len(lost)} messages, such as: {lost[0][:150] if lost else 'none'}")
    if not lost:
        sys.exit("FAILED: Spark did not notice")


def locally(arguments, texts: list[str]) -> list[dict]:
    command = [
        arguments.program, "translate", "--lines", "--format", "jsonl", "--quiet", "--to", "en",
        "--model", str(arguments.model), "--threads", "1",
    ]  # fmt: skip
    text = "".join(f"{line}\n" for line in texts)
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def equal(one, other) -> bool:
    """Whether two values are the same; of scores, the last of four decimals may differ, as the reference engine adds up
    numbers in another order in another batch."""
    match one:
        case float():
            return abs(one - other) < 1.5e-4
        case dict():
            return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
        case list():
            return len(one) == len(other) and all(map(equal, one, other))
        case _:
            return one == other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=str(ROOT / "target/release/dolmetsch"))
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--model", type=Path, default=ROOT / "tests/fixtures/stand-in")
    arguments = parser.parse_args()
    arguments.program = str(Path(arguments.program).resolve())
    texts = lines(arguments.lines)
    arguments.partition_tokens = sum(4 + len(text) // 4 for text in texts) // TASKS
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "in.parquet", Path(name) / "out"
        pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), source)
        on_cluster(arguments, source, output)
        rows = pq.read_table(output).to_pylist()
    expected = locally(arguments, texts)
    repeated = [number for number, count in Counter(row["id"] for row in rows).items() if count > 1]
    print(f"{len(rows)} rows, {len(repeated)} ids more than once")
    if len(rows) != len(texts) or repeated:
        sys.exit("FAILED: rows are missing or repeated")
    for row in rows:
        record = expected[row.pop("id")]
        if not equal(row, {key: record[key] for key in row}):
            sys.exit(f"FAILED: {row} is not {record}")
    print("complete, nothing twice, equal to the local run")


if __name__ == "__main__":
    main()
