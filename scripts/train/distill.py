"""More German–Vietnamese text: the English side of German–English pairs, translated by our own model.

    python scripts/train/distill.py --work WORK --model models/builtin --limit 100000

Appends filtered pairs of the set `distilled` to `WORK/pairs/de-vi.tsv`; then run vocab.py `--keep`, align.py and
train.py again. Running it again replaces what it wrote before.
"""

import argparse
import random
from pathlib import Path

from corpus import read_prepared
from prepare import defect
from translate import Translator

SET = "distilled"
SLICE = 2000
"""Sentences translated between two lines of progress."""


def repeats(text: str) -> bool:
    """True for the mark of a model gone wrong: the same three words twice within the last twelve."""
    words = text.split()
    triples = [tuple(words[i : i + 3]) for i in range(len(words) - 2)]
    return any(triple in triples[max(0, i - 9) : i] for i, triple in enumerate(triples))


def sources(work: Path, limit: int, seed: int) -> list[tuple[str, str]]:
    """German–English pairs that are full sentences of moderate length."""
    pairs = [
        (german, english)
        for german, english, name in read_prepared(work, "de-en")
        if name != "augment" and 4 <= len(english.split()) <= 40
    ]
    return random.Random(seed).sample(pairs, min(limit, len(pairs)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--model", type=Path, required=True, help="an exported folder that translates en-vi")
    options.add_argument("--limit", type=int, default=100_000, help="sentences to translate; default 100000")
    options.add_argument("--beam", type=int, default=2)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--max-length", type=int, default=256, help="target pieces; default 256")
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()
    translator = Translator(args.model, args.threads, args.max_length)
    own = [row for row in read_prepared(args.work, "de-vi") if row[2] != SET]
    made, picked = [], sources(args.work, args.limit, args.seed)
    for start in range(0, len(picked), SLICE):
        part = picked[start : start + SLICE]
        outputs = translator.translate([english for _, english in part], "vi", args.beam)
        for (german, english), output in zip(part, outputs):
            if defect(german, output, "de-vi") is None and defect(english, output, "en-vi") is None:
                if not repeats(output):
                    made.append((german, output, SET))
        print(f"{start + len(part)} translated, {len(made)} kept", flush=True)
    path = args.work / "pairs" / "de-vi.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in own + made), encoding="utf-8")


if __name__ == "__main__":
    main()
