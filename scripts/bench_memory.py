#!/usr/bin/env python3
"""Peak memory of `translate` for a long text against a short one.

    scripts/bench_memory.py target/release/dolmetsch [--megabytes 50] [--copied] [-- OPTIONS]

Both texts are made of the same sentences (our own wording). OPTIONS go to
`translate`; the default, greedy search with two positions, runs all of the
encoder and one step of the decoder: memory by length does not depend on more.
With --copied the texts are lines of numbers, which are not translated: a quick
look at reading, segmenting and writing alone.

Fails when the long text takes over 50 MB more than the short one of 1 MB.
"""

import argparse
import os
import random
import sys
import tempfile
import time

SUBJECTS = ["Der Rat", "Die alte Brücke", "Ein Zug", "Das Orchester", "Meine Nachbarin", "Der Hund"]
VERBS = ["besucht", "verändert", "kennt", "braucht", "findet", "vergisst"]
OBJECTS = ["die Stadt", "den Fluss", "ein Konzert", "das Geld", "einen Brief", "viele Leute"]
ENDS = [
    "am 3. Oktober", "um 8 Uhr", "z. B. in Köln", "ohne Grund",
    "(siehe https://beispiel.de/a.b)", "trotz des Regens",
]
MEGABYTE = 1_000_000


def write_text(path, size, copied):
    """Paragraphs of up to twelve sentences, lists and headings; or numbers."""
    source = random.Random(1)
    written = 0
    with open(path, "w", encoding="utf-8") as file:
        while written < size:
            if copied:
                block = f"- {source.randint(0, 10**12)},5 %\n\n"
                file.write(block)
                written += len(block)
                continue
            sentences = [
                f"{source.choice(SUBJECTS)} {source.choice(VERBS)} {source.choice(OBJECTS)} {source.choice(ENDS)}."
                for _ in range(source.randint(1, 12))
            ]
            block = source.choice(["", "", "- ", "# "]) + " ".join(sentences) + "\n\n"
            file.write(block)
            written += len(block.encode())


def run(program, options, text, folder):
    """Peak resident memory (MB) and seconds."""
    output = os.path.join(folder, "out.txt")
    start = time.monotonic()
    child = os.spawnv(
        os.P_NOWAIT, program, [program, "translate", *options, "-o", output, text]
    )
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{program} failed with {os.waitstatus_to_exitcode(status)}")
    with open(text, encoding="utf-8") as before, open(output, encoding="utf-8") as after:
        same = sum(1 for line in before) == sum(1 for line in after)
    if not same:
        sys.exit("the output has not as many lines as the text")
    return usage.ru_maxrss * 1024 / MEGABYTE, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--copied", action="store_true")
    parser.add_argument("options", nargs="*")
    arguments = parser.parse_args()
    options = arguments.options or [
        "--model", "builtin", "--to", "en", "--beam", "1", "--max-length", "2", "--quiet",
    ]
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in (1, arguments.megabytes):
            text = os.path.join(folder, f"{megabytes}.txt")
            write_text(text, megabytes * MEGABYTE, arguments.copied)
            peaks[megabytes], seconds = run(arguments.program, options, text, folder)
            print(f"{megabytes:>4} MB of text: peak {peaks[megabytes]:.0f} MB, {seconds:.0f} s", flush=True)
    growth = peaks[arguments.megabytes] - peaks[1]
    print(f"growth {growth:.0f} MB")
    sys.exit(growth > 50)


if __name__ == "__main__":
    main()
