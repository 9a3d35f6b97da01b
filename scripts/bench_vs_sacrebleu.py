#!/usr/bin/env python3
"""Times `dolmetsch compare` and sacreBLEU on the same texts, one after the other, in one run.

    cargo build --release
    scripts/bench_vs_sacrebleu.py [--repeat 5] [--reference FILE HYPOTHESES…]

Both are whole programs, from start to the printed score, as users run them, and
both read the same files: the systems of WMT 21, one after the other, or the files
that are named. Since most of what sacreBLEU needs for a small file is the start
of Python, the third column is sacreBLEU without it: only `corpus_score` and
`PairedTest` inside a running Python, still against our whole program.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

ROOT = pathlib.Path(__file__).parents[1]
WMT = ROOT.parent / "shared/data/tests/wmt21-de-en"

# Name, options of both programs, metric, least ratio that is asked for.
TASKS = [
    ("BLEU", ["-m", "bleu"], BLEU, 20),
    ("chrF", ["-m", "chrf"], CHRF, 20),
    ("chrF++", ["-m", "chrf", "--chrf-word-order", "2"], lambda **kw: CHRF(word_order=2, **kw), 20),
    ("TER", ["-m", "ter"], TER, 20),
    ("paired bootstrap", ["-m", "bleu", "--paired-bs"], BLEU, 10),
    ("approximate randomisation", ["-m", "bleu", "--paired-ar"], BLEU, 10),
]  # fmt: skip


def seconds(command: list[str], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def inside(metric, options: list[str], references: list[str], systems: list[list[str]]) -> float:
    """What sacreBLEU needs inside a running Python."""
    start = time.perf_counter()
    scorer = metric(references=[references])
    if "--paired-bs" in options or "--paired-ar" in options:
        named = [(str(number), system) for number, system in enumerate(systems)]
        PairedTest(named, {"x": scorer}, None, "bs" if "--paired-bs" in options else "ar")()
    else:
        for system in systems:
            scorer.corpus_score(system, None)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/release/dolmetsch"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--reference", type=pathlib.Path)
    parser.add_argument("systems", type=pathlib.Path, nargs="*")
    options = parser.parse_args()
    if not options.systems and not WMT.is_dir():
        print(f"skipped: {WMT} is not there", file=sys.stderr)
        return 0
    reference = options.reference or WMT / "newstest2021.de-en.ref.A.en"
    systems = options.systems or sorted(WMT.glob("*.hyp.*.en"))
    read = lambda path: [line.rstrip() for line in open(path, encoding="utf-8", newline="\n")]  # noqa: E731
    texts, references = [read(path) for path in systems], read(reference)
    print(f"{len(systems)} systems of {len(references)} segments; sacreBLEU {sacrebleu.__version__}")
    print(f"{'':26} {'ours s':>8} {'sacrebleu s':>12} {'ratio':>7} {'inside s':>9} {'ratio':>7}")
    failed = False
    for name, arguments, metric, least in TASKS:
        files = list(map(str, systems))
        ours = seconds([options.program, "compare", "--reference", str(reference), *arguments, "-i", *files], options.repeat)
        theirs = seconds([sys.executable, "-m", "sacrebleu", str(reference), "--format", "text", *arguments, "-i", *files], 1)
        within = inside(metric, arguments, references, texts)
        print(f"{name:26} {ours:8.3f} {theirs:12.2f} {theirs / ours:6.0f}x {within:9.2f} {within / ours:6.0f}x")
        failed |= within / ours < least
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
