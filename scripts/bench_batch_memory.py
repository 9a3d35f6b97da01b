#!/usr/bin/env python3
"""Peak memory of a batch job against the size of its input.

    scripts/bench_batch_memory.py target/release/dolmetsch [--sizes 10 1000] [--model FOLDER]

Sizes are in MB; the input is NTREX lines (../shared/data; without it lines of its own), repeated, and every 200th line has a
number, so that no other is like it. The model is tests/fixtures/stand-in, which takes a millisecond for a line: that is why
not all are perturbed. The peak for the last size may be 20 % more than that for the first.

With --seconds a job is stopped (SIGTERM) after that time, for models that take longer: then the peak is that of hashing all
and translating a part.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NTREX = ROOT.parent / "shared/data/tests/ntrex/ntrex-dev.de"


def write(path: Path, size: int, every: int) -> int:
    texts = NTREX.read_text(encoding="utf-8").splitlines() if NTREX.exists() else ["Der Rat hat heute beraten."] * 50
    written = lines = 0
    with path.open("wb") as file:
        while written < size:
            text = texts[lines % len(texts)]
            line = f"{text} ({lines})\n" if lines % every == 0 else f"{text}\n"
            written += file.write(line.encode())
            lines += 1
    return lines


def run(arguments, source: Path, output: Path) -> tuple[float, float, str]:
    """Peak memory in MB, seconds, and the last words."""
    command = [arguments.program, "batch", str(source), "--to", "en", "--model", arguments.model]
    with tempfile.TemporaryFile() as stderr:
        start, stopped = time.monotonic(), False
        process = subprocess.Popen([*command, "--output-dir", str(output)], stderr=stderr)
        while True:
            ended, _, usage = os.wait4(process.pid, os.WNOHANG)
            seconds = time.monotonic() - start
            if ended:
                break
            if seconds > arguments.seconds and not stopped:
                stopped = True
                process.terminate()
            time.sleep(0.05)
        stderr.seek(0)
        said = " / ".join(stderr.read().decode().splitlines())
    return usage.ru_maxrss / 1024, seconds, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--sizes", type=float, nargs="+", default=[10, 1000])
    parser.add_argument("--model", default=str(ROOT / "tests/fixtures/stand-in"))
    parser.add_argument("--perturb-every", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    peaks = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "in.lines"
            lines = write(source, int(size * 1e6), arguments.perturb_every)
            peak, seconds, said = run(arguments, source, Path(name) / "out")
            peaks.append(peak)
            print(f"{size:g} MB, {lines} lines: peak {peak:.0f} MB in {seconds:.0f} s; {said}", flush=True)
    if peaks[-1] > 1.2 * peaks[0]:
        sys.exit(f"FAILED: {peaks[-1] / peaks[0]:.2f} times as much")
    print(f"{peaks[-1] / peaks[0]:.2f} times as much memory")


if __name__ == "__main__":
    main()
