#!/usr/bin/env python3
"""Checks `dolmetsch compare --reference-align auto` on references in another segmentation.

    scripts/check_reference_align.py [--seeds 5] [--hypotheses FILE --reference FILE]

In the reference, sentences are merged, split, dropped and swapped with their
neighbour, seeded. The score of the aligned texts must be within 0.5 BLEU of that
in the true segmentation: of the sentences that the changed reference still has.
Without files, ntrex-dev is translated with the built-in model.
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from sacrebleu.metrics import BLEU

ROOT = pathlib.Path(__file__).parents[1]
NTREX = ROOT.parent / "shared/data/tests/ntrex"
WITHIN = 0.5


def changed(lines: list[str], draw: random.Random) -> tuple[list[str], list[int]]:
    """The changed reference, and the lines that are still there."""
    out, kept, at = [], [], 0
    while at < len(lines):
        chance = draw.random()
        if chance < 0.10 and at + 1 < len(lines):
            out.append(lines[at] + " " + lines[at + 1])
            kept += [at, at + 1]
            at += 2
        elif chance < 0.20:
            places = [m.end() for m in re.finditer(r"[,;:–] ", lines[at])]
            cut = draw.choice(places) if places else len(lines[at]) // 2 + lines[at][len(lines[at]) // 2 :].find(" ") + 1
            out += [part for part in (lines[at][:cut].rstrip(), lines[at][cut:]) if part]
            kept.append(at)
            at += 1
        elif chance < 0.25:
            at += 1
        elif chance < 0.28 and at + 1 < len(lines):
            out += [lines[at + 1], lines[at]]
            kept += [at, at + 1]
            at += 2
        else:
            out.append(lines[at])
            kept.append(at)
            at += 1
    return out, kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/debug/dolmetsch"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hypotheses", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    options = parser.parse_args()
    if not options.hypotheses and not NTREX.is_dir():
        print(f"skipped: {NTREX} is not there", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        reference = (options.reference or NTREX / "ntrex-dev.en").read_text(encoding="utf-8").split("\n")[:-1]
        hypotheses = options.hypotheses
        if not hypotheses:
            hypotheses = folder / "hypotheses.en"
            command = [options.program, "translate", "--lines", "--model", "builtin", "--to", "en", "--beam", "1", "--quiet", "-o", str(hypotheses)]
            subprocess.run([*command, str(NTREX / "ntrex-dev.de")], check=True)
        translated = hypotheses.read_text(encoding="utf-8").split("\n")[:-1]
        worst = 0.0
        for seed in range(1, options.seeds + 1):
            lines, kept = changed(reference, random.Random(seed))
            path = folder / "changed.en"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            true = BLEU().corpus_score([translated[i] for i in kept], [[reference[i] for i in kept]]).score
            whole = BLEU().corpus_score(translated, [reference]).score
            command = [options.program, "compare", str(hypotheses), "--reference", str(path), "--reference-align", "auto", "--format", "json"]
            (system,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            (bleu,) = system["metrics"]
            lost = {record["file"]: len(record["segments"]) for record in system["unaligned"]}
            worst = max(worst, abs(bleu["score"] - true))
            print(
                f"seed {seed}: {bleu['score']:.2f} aligned, {true:.2f} true ({whole:.2f} with dropped sentences); "
                f"not scored: {lost.get(str(hypotheses), 0)} translations ({len(reference) - len(kept)} dropped), {lost.get(str(path), 0)} of {len(lines)} reference segments"
            )
            assert "refalign:" in bleu["signature"]
    print(f"largest difference {worst:.2f} BLEU (at most {WITHIN})")
    return 1 if worst > WITHIN else 0


if __name__ == "__main__":
    sys.exit(main())
