#!/usr/bin/env python3
"""Kills a batch job at random moments and compares what comes out with an uninterrupted run.

    scripts/check_resume.py target/release/dolmetsch [--kills 20] [--lines 20000] [--model FOLDER]

The input is made from NTREX lines (../shared/data; without it from lines of its own), each with a number, so that
none comes twice. The model is tests/fixtures/stand-in, which takes no time. Each run is killed with SIGKILL after a
random time; the next one says how many segments it skipped. Checked are:

- the output's bytes are those of the uninterrupted run;
- what a killed run had said to be done is skipped by the next one, so that no segment is translated again but those of
  the window that was in work (the job has no cache here);
- a run that resumes after 70 % takes less than half of the time of the whole run.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NTREX = ROOT.parent / "shared/data/tests/ntrex/ntrex-dev.de"


def lines(count: int) -> list[str]:
    if NTREX.exists():
        texts = NTREX.read_text(encoding="utf-8").splitlines()
    else:
        print(f"{NTREX} is absent: using lines of my own")
        texts = [f"Der Ausschuss hat am {day}. Mai über den Antrag beraten." for day in range(1, 30)]
    return [f"{texts[index % len(texts)]} ({index})" for index in range(count)]


def events(stream) -> list[dict]:
    found = []
    for line in stream:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the last line of a killed run, or an error
    return found


class Job:
    def __init__(self, arguments, folder: Path):
        self.command = [
            str(Path(arguments.program).resolve()), "batch", str(folder / "in.lines"), "--to", "en", "--threads", "1",
            "--model", str(arguments.model), "--cache-size", "0", "--progress", "json",
        ]  # fmt: skip

    def run(self, output: Path, seconds: float | None = None) -> tuple[bool, list[dict], float]:
        """Whether it ended by itself, what it said, and how long it took."""
        start = time.monotonic()
        process = subprocess.Popen(
            [*self.command, "--output-dir", str(output)], stderr=subprocess.PIPE, text=True
        )
        try:
            _, stderr = process.communicate(timeout=seconds)
            ended = True
        except subprocess.TimeoutExpired:
            process.kill()
            _, stderr = process.communicate()
            ended = False
        if ended and process.returncode != 0:
            sys.exit(f"the job failed: {stderr[-2000:]}")
        return ended, events(stderr.splitlines()), time.monotonic() - start


def progress(said: list[dict]) -> list[dict]:
    return [event for event in said if event["event"] in ("progress", "end")]


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
    _, said, whole = job.run(folder / "whole")
    expected = (folder / "whole/in.en.lines").read_bytes()
    print(f"uninterrupted: {arguments.lines} lines, {whole:.1f} s")

    done, kills = 0, 0
    limit = 2.2 * whole / arguments.kills  # starting takes its time too
    while kills < arguments.kills:
        ended, said, _ = job.run(folder / "out", rng.uniform(0.0, limit))
        kills += not ended
        if reports := progress(said):
            skipped = reports[0]["skipped"]
            if skipped < done:
                sys.exit(f"FAILED: {done} segments were done, {skipped} were found")
            last = reports[-1]
            done = last["skipped"] + last["translated"]
            print(f"{'ended' if ended else 'killed'}: {skipped} skipped, {last['translated']} translated")
        elif not ended:
            print("killed before its first window")
        if ended:
            if (folder / "out/in.en.lines").read_bytes() != expected:
                sys.exit("FAILED: other bytes than without interruption")
            shutil.rmtree(folder / "out")
            done = 0
    _, said, _ = job.run(folder / "out")
    last = progress(said)[-1]
    print(f"last run: {last['skipped']} skipped, {last['translated']} translated")
    if last["skipped"] + last["translated"] != arguments.lines or last["skipped"] < done:
        sys.exit("FAILED: the counts do not add up")
    if (folder / "out/in.en.lines").read_bytes() != expected:
        sys.exit("FAILED: other bytes than without interruption")
    print(f"{kills} kills: identical bytes, nothing lost")
    resume_late(arguments, job, folder, whole)


def resume_late(arguments, job: Job, folder: Path, whole: float) -> None:
    output = folder / "late"
    process = subprocess.Popen(
        [*job.command, "--output-dir", str(output)], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "progress" and event["translated"] >= 0.7 * arguments.lines:
            break
    process.kill()
    process.wait()
    _, said, seconds = job.run(output)
    share = seconds / whole
    print(f"resumed after 70 %: {seconds:.1f} s, {share:.0%} of the whole run's {whole:.1f} s")
    if (output / "in.en.lines").read_bytes() != (folder / "whole/in.en.lines").read_bytes():
        sys.exit("FAILED: other bytes than without interruption")
    if share >= 0.5:
        sys.exit("FAILED: not less than half")


if __name__ == "__main__":
    main()
