#!/usr/bin/env python3
"""Translates Parquet files and reads them with PyArrow: rows, types, other columns, nulls, shards.

    scripts/check_parquet.py target/release/dolmetsch      (built with --features parquet)

Needs pyarrow (26.0.1). The translations must be those of `translate --lines`, and files joined from four shards must be the
bytes of one run's.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "tests/fixtures/stand-in"
ROWS = 3000


def run(program: str, *arguments: str, text: str = "") -> str:
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def table(texts: list, kind: pa.DataType) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(len(texts)), pa.int32()),
            "text": pa.array(texts, pa.string()).cast(kind),
            "nested": pa.array([{"a": [index], "b": str(index)} for index in range(len(texts))]),
            "day": pa.array(range(len(texts)), pa.date32()),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    program = str(Path(parser.parse_args().program).resolve())
    texts = [f"Der Satz {index} steht in Zeile {index * 7}." for index in range(ROWS)]
    texts[3], texts[5] = None, ""
    model = ["--model", str(MODEL), "--to", "en", "--threads", "1"]
    lines = run(program, "translate", "--lines", *model, text="".join(f"{text or ''}\n" for text in texts)).split("\n")
    expected = [None if text is None else line for text, line in zip(texts, lines)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        kinds = {"string": pa.string(), "large": pa.large_string(), "dictionary": pa.dictionary(pa.int32(), pa.string())}
        for (kind, data_type), codec in zip(kinds.items(), ["snappy", "zstd", "none"]):
            pq.write_table(table(texts, data_type), folder / f"in/{kind}.parquet", row_group_size=700, compression=codec)
        batch = ["batch", str(folder / "in"), *model, "--lines"]
        run(program, *batch, "--output-dir", str(folder / "one"))
        run(program, *batch, "--output-dir", str(folder / "added"), "--keep-source")
        for shard in range(1, 5):
            run(program, *batch, "--output-dir", str(folder / "four"), "--shard", f"{shard}/4")
        run(program, "batch", "--merge", str(folder / "four"))
        for kind in kinds:
            before = pq.read_table(folder / f"in/{kind}.parquet")
            one = folder / f"one/{kind}.en.parquet"
            after, added = pq.read_table(one), pq.read_table(folder / f"added/{kind}.en.parquet")
            for column in ("id", "nested", "day"):
                if not after[column].equals(before[column]) or not added[column].equals(before[column]):
                    sys.exit(f"FAILED: {kind}: column {column} changed")
            if after.schema != before.schema:
                sys.exit(f"FAILED: {kind}: {after.schema} is not {before.schema}")
            if after["text"].to_pylist() != expected or added["text_en"].to_pylist() != expected:
                sys.exit(f"FAILED: {kind}: other translations than those of translate --lines")
            if added["text"].to_pylist() != texts:
                sys.exit(f"FAILED: {kind}: the source changed")
            if (folder / f"four/{kind}.en.parquet").read_bytes() != one.read_bytes():
                sys.exit(f"FAILED: {kind}: four shards are not one run")
            groups = pq.ParquetFile(one).metadata
            print(f"{kind}: {after.num_rows} rows in {groups.num_row_groups} groups, {groups.row_group(0).column(0).compression}")
    print("equal to what PyArrow reads; four shards are one run")


if __name__ == "__main__":
    main()
