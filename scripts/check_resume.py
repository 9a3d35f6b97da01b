#!/usr/bin/env python3
"""Kills a batch job at random moments and compares what comes out with an uninterrupted run.

    scripts/check_resume.py target/release/dolmetsch [--kills 20] [--lines 20000] [--model FOLDER]

The input is made from NTREX lines (../shared/data; without it from lines of its own), each with a number, so that
none comes twice. The model is tests/fixtures/stand-in, which takes no time. Each run is killed with SIGKILL at a
random moment in one of its next windows, or before its first; the next one says how many segments it skipped. Checked
and printed are:

- the output's bytes are those of the uninterrupted run;
- what a killed run had said to be done is skipped by the next one (the job has no cache here), so that no segment is
  translated again but those of the window that was in work: what was lost is counted;
- a run that resumes after 70 % takes less than half of the time of the whole run. The time is that of the processor
  (user and system), which other programs on the machine do not change much; wall clock is printed beside it.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
NTREX = ROOT.parent / "shared/data/tests/ntrex/ntrex-dev.de"


def lines(count: int) -> list[str]:
    if NTREX.exists():
        texts = NTREX.read_text(encoding="utf-8").splitlines()
    else:
        print(f"{NTREX} is absent: using lines of my own")
        texts = [f"Der Ausschuss hat am {day}. Mai über den Antrag beraten." for day in range(1, 30)]
    return [f"{texts[index % len(texts)]} ({index})" for index in range(count)]


class Job:
    """One command, run again and again."""

    def __init__(self, arguments, folder: Path):
        self.command = [
            str(Path(arguments.program).resolve()), "batch", str(folder / "in.lines"), "--to", "en", "--threads", "1",
            "--model", str(arguments.model), "--cache-size", "0", "--progress", "json",
        ]  # fmt: skip

    def run(self, output: Path, kill=None) -> "Run":
        """Runs it; `kill(events)` is asked after each event whether to kill it, and after how many seconds (or None)."""
        start = time.monotonic()
        process = subprocess.Popen([*self.command, "--output-dir", str(output)], stderr=subprocess.PIPE, text=True)
        timer = None
        said, others = [], []
        if kill and (delay := kill(said)) is not None:
            timer = threading.Timer(delay, process.kill)
            timer.start()
        for line in process.stderr:
            try:
                said.append(json.loads(line))
            except ValueError:
                others.append(line)  # the last line of a killed run, or an error
            if kill and timer is None and (delay := kill(said)) is not None:
                timer = threading.Timer(delay, process.kill)
                timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if timer:
            timer.cancel()
        if process.returncode not in (0, -signal.SIGKILL):
            sys.exit(f"FAILED: the job ended with {process.returncode}: {''.join(others)[-2000:]}")
        reports = [event for event in said if event["event"] in ("progress", "end")]
        return Run(process.returncode == 0, reports, time.monotonic() - start, usage.ru_utime + usage.ru_stime)


class Run(NamedTuple):
    """What a run left."""

    ended: bool
    reports: list[dict]
    wall: float
    cpu: float

    @property
    def skipped(self) -> int:
        return self.reports[0]["skipped"] if self.reports else 0

    @property
    def translated(self) -> int:
        return self.reports[-1]["translated"] if self.reports else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--lines", type=int, default=20000)
    parser.add_argument("--model", type=Path, default=ROOT / "tests/fixtures/stand-in")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        check(arguments, Path(name), rng)


def check(arguments, folder: Path, rng: random.Random) -> None:
    (folder / "in.lines").write_text("".join(f"{line}\n" for line in lines(arguments.lines)), encoding="utf-8")
    job = Job(arguments, folder)
    whole = job.run(folder / "whole")
    expected = (folder / "whole/in.en.lines").read_bytes()
    windows = len(whole.reports) - 1
    window = whole.reports[0]["translated"]
    print(f"uninterrupted: {arguments.lines} lines, {whole.wall:.1f} s ({whole.cpu:.1f} s of CPU)", flush=True)
    print(f"{windows} windows of {window} segments")

    kills = done = translated = again = 0
    while kills < arguments.kills:
        # Some runs are killed while they start, most in one of their next windows.
        count = rng.randrange(0, max(2, 2 * windows // arguments.kills))
        delay = rng.uniform(0, 1.5 * whole.wall / windows)
        run = job.run(folder / "out", lambda said: delay if len(said) >= count else None)
        kills += not run.ended
        if run.reports and run.skipped < done:
            sys.exit(f"FAILED: {done} segments were done, {run.skipped} were found")
        if run.reports:
            done = run.skipped + run.translated
        translated += run.translated
        print(f"{'ended' if run.ended else 'killed'}: {run.skipped} skipped, {run.translated} translated", flush=True)
        if run.ended:
            compare(folder / "out/in.en.lines", expected)
            again += max(0, translated - arguments.lines)
            shutil.rmtree(folder / "out")
            done = translated = 0
    run = job.run(folder / "out")
    translated += run.translated
    print(f"last run: {run.skipped} skipped, {run.translated} translated")
    if run.skipped + run.translated != arguments.lines or run.skipped < done:
        sys.exit("FAILED: the counts do not add up")
    compare(folder / "out/in.en.lines", expected)
    again += max(0, translated - arguments.lines)
    print(f"{kills} kills: identical bytes; of what had been reported, {again} segments were translated twice; of what had")
    print(f"not, at most {kills} windows of {window} = {kills * window} segments")
    if again:
        sys.exit("FAILED: what was done was done again")
    resume_late(arguments, job, folder, whole, expected)


def compare(path: Path, expected: bytes) -> None:
    if path.read_bytes() != expected:
        sys.exit("FAILED: other bytes than without interruption")


def resume_late(arguments, job: Job, folder: Path, whole: Run, expected: bytes) -> None:
    job.run(folder / "late", lambda said: 0 if said and said[-1]["translated"] >= 0.7 * arguments.lines else None)
    run = job.run(folder / "late")
    compare(folder / "late/in.en.lines", expected)
    share = run.cpu / whole.cpu
    print(
        f"resumed after 70 % ({run.skipped} skipped): {run.cpu:.1f} s of CPU, {share:.0%} of the whole run's {whole.cpu:.1f} s"
        f" (wall clock {run.wall:.1f} of {whole.wall:.1f} s)"
    )
    if share >= 0.5:
        sys.exit("FAILED: not less than half")


if __name__ == "__main__":
    main()
