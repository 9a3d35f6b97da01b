"""Alignment error rate of `dolmetsch align` on hand-aligned sentences, next to eflomal and an IBM model 2.

    cargo test --no-run      # builds target/debug/dolmetsch
    python scripts/bench_word_aligners.py --shared ../shared [--model builtin] [--pairs 100000] [--program PATH]

Gold: SHARED/data/alignment (60 Europarl sentences, lower-cased, tokenised, all links sure; links that point past their
sentence are left out). eflomal (scripts/requirements.txt) is trained on the first PAIRS of SHARED/data/parallel that are
from Europarl and news, then others, plus the gold sentences, lower-cased and tokenised alike. IBM 2 is fast_align's model
(Dyer, Chahuneau and Smith 2013) with a fixed tension, on as many pairs as --ibm-pairs says. The head and the threshold of
dolmetsch are also chosen on each half of the sentences and measured on the other one.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "train"))
from align import grow_diag_final, read_links  # noqa: E402

Links = set[tuple[int, int]]

FIRST = ("europarl-20k", "wmt-newstest2008-2018")
"""Sets nearest to the gold sentences, taken before all others."""

THRESHOLDS = [f"{percent / 100:.2f}" for percent in range(30, 75, 5)]


def rates(found: list[Links], gold: list[Links]) -> tuple[float, float, float]:
    """AER, precision and recall; all gold links are sure."""
    common = sum(len(links & true) for links, true in zip(found, gold, strict=True))
    size, gold_size = sum(map(len, found)), sum(map(len, gold))
    return 1 - 2 * common / (size + gold_size), common / max(1, size), common / gold_size


def tokenised(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*|\S", text.lower())


def training_pairs(shared: Path, count: int) -> list[tuple[list[str], list[str]]]:
    command = ["zstd", "-dc", shared / "data" / "parallel" / "de-en.tsv.zst"]
    rows = [line.split("\t") for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
    rows.sort(key=lambda row: row[2] not in FIRST)
    pairs = [(tokenised(source), tokenised(target)) for source, target, _ in rows[: 2 * count]]
    return [(source, target) for source, target in pairs if 0 < len(source) < 80 and 0 < len(target) < 80][:count]


def eflomal_links(pairs: list[tuple[list[str], list[str]]], count: int) -> dict[str, list[Links]]:
    """The links of the first `count` pairs in both directions, and joined."""
    import eflomal

    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("forward", "backward")]
        eflomal.Aligner().align(
            [" ".join(source) for source, _ in pairs],
            [" ".join(target) for _, target in pairs],
            links_filename_fwd=paths[0],
            links_filename_rev=paths[1],
        )
        forward, backward = (list(read_links(Path(path)))[:count] for path in paths)
    joined = [grow_diag_final(f, b) for f, b in zip(forward, backward)]
    return {"eflomal forward": forward, "eflomal backward": backward, "eflomal grow-diag-final": joined}


def ibm2_links(pairs: list[tuple[list[str], list[str]]], count: int, rounds: int = 5, tension: float = 4.0) -> list[Links]:
    """Links of the first `count` pairs from source to target words by EM, each target word from one source word or none."""
    numbers: dict[str, int] = {}
    number = lambda word: numbers.setdefault(word, len(numbers) + 1)
    rows, columns, priors, groups, places = [], [], [], [], []
    group = 0
    for source, target in pairs:
        ids = np.array([0, *map(number, source)])
        for j, word in enumerate(target):
            distance = np.abs(np.arange(len(source)) / len(source) - j / len(target))
            near = np.exp(-tension * distance)
            rows.append(ids)
            columns.append(np.full(len(ids), number("»" + word)))
            priors.append(np.concatenate([[0.08], 0.92 * near / near.sum()]))
            groups.append(np.full(len(ids), group))
            group += 1
        places.append(group)
    keys = np.concatenate(rows).astype(np.int64) * (len(numbers) + 1) + np.concatenate(columns)
    prior, group_of = np.concatenate(priors), np.concatenate(groups)
    unique, entry = np.unique(keys, return_inverse=True)
    source_of = unique // (len(numbers) + 1)
    table = np.full(len(unique), 1.0)
    for _ in range(rounds):
        weights = table[entry] * prior
        weights /= np.bincount(group_of, weights)[group_of]
        counts = np.bincount(entry, weights) + 0.01
        table = counts / np.bincount(source_of, counts)[source_of]
    weights, found, start = table[entry] * prior, [], 0
    for source, target in pairs[:count]:
        links: Links = set()
        for j in range(len(target)):
            best = int(weights[start : start + len(source) + 1].argmax())
            start += len(source) + 1
            if best:
                links.add((best - 1, j))
        found.append(links)
    return found


def held_out_head(program: Path, model: str, folder: Path) -> str:
    """The error rate of the heads that are best on one half, each on the other half; as `models calibrate` counts it."""
    command = [program, "models", "calibrate", model, "--gold", folder / "dev.gold.pharaoh"]
    command += ["--source", folder / "dev.de", "--target", folder / "dev.en"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("held out"))


def dolmetsch_links(program: Path, model: str, folder: Path, how: str) -> list[Links]:
    command = [program, "align", "--model", model, "--to", "en", "--quiet", "--alignment", how]
    command += ["--source", folder / "dev.de", "--target", folder / "dev.en"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [{tuple(map(int, link.split("-"))) for link in line.split()} for line in lines]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--shared", type=Path, default=Path("../shared"))
    options.add_argument("--program", type=Path, default=Path("target/debug/dolmetsch"))
    options.add_argument("--model", default="builtin")
    options.add_argument("--pairs", type=int, default=100_000, help="training pairs of eflomal; 0 leaves it out")
    options.add_argument("--ibm-pairs", type=int, default=30_000, help="training pairs of IBM 2; 0 leaves it out")
    args = options.parse_args()
    folder = args.shared / "data" / "alignment"
    lines = [(folder / f"dev.{end}").read_text("utf-8").splitlines() for end in ("de", "en", "gold.pharaoh")]
    sentences = [(source.split(), target.split()) for source, target in zip(*lines[:2], strict=True)]
    gold = [
        {(i, j) for i, j in (map(int, link.split("-")) for link in links.split()) if i < len(source) and j < len(target)}
        for links, (source, target) in zip(lines[2], sentences, strict=True)
    ]

    def show(name: str, found: list[Links]) -> None:
        print(f"{name:<34}" + "".join(f"{rate:>11.4f}" for rate in rates(found, gold)), flush=True)

    print(f"{'aligner':<34}{'AER':>11}{'precision':>11}{'recall':>11}")
    show(f"dolmetsch {args.model}", dolmetsch_links(args.program, args.model, folder, "0.5"))
    show(f"dolmetsch {args.model}, hard", dolmetsch_links(args.program, args.model, folder, "hard"))
    print(f"{'  head of the other half':<34}{held_out_head(args.program, args.model, folder):>11}", flush=True)
    by_threshold = [dolmetsch_links(args.program, args.model, folder, how) for how in THRESHOLDS]
    for start in (0, 1):
        chosen = min(by_threshold, key=lambda found: rates(found[1 - start :: 2], gold[1 - start :: 2])[0])
        threshold = THRESHOLDS[by_threshold.index(chosen)]
        aer, precision, recall = rates(chosen[start::2], gold[start::2])
        name = f"  half {start + 1}, threshold {threshold} of the other"
        print(f"{name:<34}{aer:>11.4f}{precision:>11.4f}{recall:>11.4f}", flush=True)
    if args.ibm_pairs:
        show(f"IBM 2, {args.ibm_pairs} pairs", ibm2_links(sentences + training_pairs(args.shared, args.ibm_pairs), len(sentences)))
    if args.pairs:
        pairs = sentences + training_pairs(args.shared, args.pairs)
        for name, found in eflomal_links(pairs, len(sentences)).items():
            show(f"{name}, {args.pairs} pairs", found)


if __name__ == "__main__":
    main()
