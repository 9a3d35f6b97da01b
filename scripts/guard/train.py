"""Learns what `src/guard/bilingual.rs` knows of a language pair.

    python scripts/guard/train.py ../shared/data WORK            # everything: half an hour on two cores
    python scripts/guard/train.py ../shared/data WORK --refit    # keeps the word alignments in WORK

Writes `lexicon.PAIR.zst` and `parameters.PAIR.toml` to `src/guard/data`:

1. eflomal aligns the stems of `parallel/` (without the sets that may not be
   given away); the links of both directions give translation probabilities.
   German–Vietnamese has little text of its own and is mixed with the product of
   German–English and English–Vietnamese.
2. WMT 21, FLORES and the even documents of NTREX (`check_guard.py` reports on
   the odd ones) give the length band, the evidence of a badly matched word (true pairs against
   shuffled ones), and a logistic regression between human translations and the
   same with a clause dropped.

Needs eflomal, numpy and zstandard (requirements.txt).
"""

import argparse
import collections
import math
import random
import re
import sys
from pathlib import Path

import numpy as np
import zstandard

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "train")]

import corpus
from damage import drop_clause, ntrex_halves
from words import STEM, WORD, stems

DATA = Path(__file__).parents[2] / "src/guard/data"
PAIRS = ("de-en", "en-vi", "de-vi")
RARITIES = (0.02, 0.002, 0.0002)
"""Share of all words above which a stem has rarity 0, 1 and 2."""
STRENGTHS = (0.0, 0.03, 0.1, 0.25, 0.5)
MIN_COUNT = 3
MIN_PROBABILITY = 0.01
MOST_TRANSLATIONS = 10
FALSE_ALARMS = 0.015
"""Share of the human translations of the fitting data that the threshold lets be flagged."""


def align(data: Path, work: Path, pair: str):
    """Writes the stems and eflomal's links of both directions to `work`."""
    import eflomal

    source, target = pair.split("-")
    left, right = [], []
    for a, b, name in corpus.read_pairs(data / "parallel", pair):
        if name in corpus.FORBIDDEN or name in corpus.NOISY:
            continue
        a, b = stems(a, source), stems(b, target)
        if a and b and len(a) <= 90 and len(b) <= 120:
            left.append(" ".join(a))
            right.append(" ".join(b))
    base = work / pair
    base.with_suffix(".src").write_text("\n".join(left) + "\n")
    base.with_suffix(".tgt").write_text("\n".join(right) + "\n")
    with base.with_suffix(".src").open() as a, base.with_suffix(".tgt").open() as b:
        eflomal.Aligner().align(
            a, b, links_filename_fwd=f"{base}.fwd", links_filename_rev=f"{base}.rev", quiet=True
        )


def probabilities(work: Path, pair: str):
    """Frequency of each source stem, and the probabilities of its translations."""
    base = work / pair
    frequency, links = collections.Counter(), collections.defaultdict(collections.Counter)
    lines = 0
    files = [open(f"{base}.{end}") for end in ("src", "tgt", "fwd", "rev")]
    for a, b, forward, backward in zip(*files, strict=True):
        lines += 1
        a, b = a.split(), b.split()
        frequency.update(a)
        forward, backward = set(forward.split()), set(backward.split())
        for link in sorted(forward | backward):
            i, j = map(int, link.split("-"))
            # A link of one direction only is right about every third time.
            links[a[i]][b[j]] += 1.0 if link in forward and link in backward else 0.35
    table = {}
    for stem, row in links.items():
        if frequency[stem] < MIN_COUNT:
            continue
        total = sum(row.values())
        kept = {t: c / total for t, c in row.items() if c >= 1 and c / total >= MIN_PROBABILITY}
        if kept:
            table[stem] = kept
    return {stem: count / lines for stem, count in frequency.items()}, table


def through(first: dict, second: dict, direct: dict) -> dict:
    """`direct`, mixed with the product of two tables; what only one knows is taken from it."""
    mixed = {}
    for stem in sorted(first.keys() | direct.keys()):
        row = collections.Counter()
        for middle, p in first.get(stem, {}).items():
            for target, q in second.get(middle, {}).items():
                row[target] += p * q
        for target, p in direct.get(stem, {}).items():
            row[target] = 0.5 * row[target] + 0.5 * p if stem in first else p
        kept = {t: p for t, p in row.items() if p >= MIN_PROBABILITY}
        if kept:
            mixed[stem] = kept
    return mixed


class Lexicon:
    """As `Bilingual` in `src/guard/bilingual.rs`."""

    def __init__(self, frequency: dict, table: dict):
        self.rarity = {s: sum(frequency.get(s, 0) <= bound for bound in RARITIES) for s in table}
        self.table = {}
        for stem, row in table.items():
            best = sorted(row.items(), key=lambda item: (-item[1], item[0]))[:MOST_TRANSLATIONS]
            self.table[stem] = {t: max(1, round(100 * p)) for t, p in best}

    def write(self, path: Path):
        lines = []
        for stem in sorted(self.table):
            row = " ".join(f"{t} {p}" for t, p in self.table[stem].items())
            lines.append(f"{stem} {self.rarity[stem]} {row}\n")
        packed = zstandard.ZstdCompressor(level=19).compress("".join(lines).encode())
        path.write_bytes(packed)
        print(f"{path.name}: {len(lines)} stems, {len(packed) // 1024} KiB")

    def parts(self, stem: str):
        places = range(3, max(3, len(stem) - 3))
        end = next((stem[at:] for at in places if stem[at:] in self.table), None)
        start = next((stem[:at] for at in reversed(places) if stem[:at] in self.table), None)
        return [part for part in (end, start) if part]

    def matched(self, stem: str, target: list[str]) -> tuple[int, int]:
        present = set(target)
        mass = lambda known: sum(p for t, p in self.table[known].items() if t in present) / 100
        if stem in self.table:
            rarity, p = self.rarity[stem], mass(stem)
        else:
            parts = self.parts(stem)
            rarity, p = (4, max(map(mass, parts))) if parts else (5, 0.0)
        if any(is_cognate(stem, other) for other in target):
            return rarity, 6
        return rarity, sum(p > 0 and p >= bound for bound in STRENGTHS)


def is_cognate(a: str, b: str) -> bool:
    if a == b:
        return True
    if a[0] != b[0] or len(a.encode()) < 4:
        return False
    alike = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return alike >= 4 and alike * 10 >= max(len(a), len(b)) * 6


def strongest(evidence: list[float]) -> float:
    best = current = 0.0
    for value in evidence:
        current = max(0.0, current + value)
        best = max(best, current)
    return best


class Fit:
    """The parameters of a pair."""

    def __init__(self, pair: str, lexicon: Lexicon, pairs: list[tuple[str, str]], seed: int):
        self.lexicon = lexicon
        self.source, self.target = pair.split("-")
        self.pairs = pairs
        rng = random.Random(seed)
        self.fit_length()
        self.fit_evidence()
        self.fit_weights(rng)

    def length_features(self, text: str) -> list[float]:
        words = stems(text, self.source)
        frequent = sum(self.lexicon.rarity.get(stem) == 0 for stem in words)
        return [len(text), len(words), frequent, text.count(","), 1]

    def expected(self, text: str) -> float:
        return max(5.0, float(np.dot(self.length_features(text), self.length)))

    def fit_length(self):
        rows = np.array([self.length_features(a) for a, _ in self.pairs], float)
        lengths = np.array([len(b) for _, b in self.pairs], float)
        weight = 1 / np.array([len(a) for a, _ in self.pairs])
        self.length = np.linalg.lstsq(rows * weight[:, None], lengths * weight, rcond=None)[0]
        expected = np.maximum(5, rows @ self.length)
        # Mean absolute deviation of a normal distribution is sqrt(2/pi) of the standard one.
        spread = np.abs(np.log(lengths / expected)) * math.sqrt(math.pi / 2)
        columns = np.stack([np.ones(len(expected)), 1 / np.sqrt(expected)], 1)
        self.deviation = np.maximum(0, np.linalg.lstsq(columns, spread, rcond=None)[0])

    def buckets(self, a: str, b: str) -> list[tuple[int, int]]:
        target = stems(b, self.target)
        return [self.lexicon.matched(stem, target) for stem in stems(a, self.source)]

    def fit_evidence(self):
        true, shuffled = np.ones((6, 7)), np.ones((6, 7))
        order = sorted(range(len(self.pairs)), key=lambda i: len(self.pairs[i][1]))
        for place, i in enumerate(order):
            other = order[(place + 8) % len(order)]
            for bucket in self.buckets(*self.pairs[i]):
                true[bucket] += 1
            for bucket in self.buckets(self.pairs[i][0], self.pairs[other][1]):
                shuffled[bucket] += 1
        share = lambda counts: counts / counts.sum(1, keepdims=True)
        self.evidence = np.log(share(shuffled) / share(true))
        # A stem that cannot be matched in this way says nothing about gaps.
        self.evidence[(true + shuffled) < 5] = 0

    def features(self, a: str, b: str) -> list[float]:
        found = strongest([self.evidence[bucket] for bucket in self.buckets(a, b)])
        expected = self.expected(a)
        ratio = math.log(max(1, len(b)) / expected)
        return [
            found,
            math.sqrt(found),
            found / math.sqrt(len(a)),
            ratio,
            ratio * math.log(expected),
            math.log(expected),
            (len(b) - expected) / math.sqrt(expected),
        ]

    def fit_weights(self, rng: random.Random):
        rows, labels = [], []
        for a, b in self.pairs:
            rows.append(self.features(a, b))
            labels.append(0)
            for _ in range(2):
                if shorter := drop_clause(b, rng):
                    rows.append(self.features(a, shorter))
                    labels.append(1)
        x, y = np.array(rows), np.array(labels)
        self.weights = logistic(x, y)
        scores = x @ self.weights[:-1] + self.weights[-1]
        self.threshold = float(np.quantile(scores[y == 0], 1 - FALSE_ALARMS))
        recall = (scores[y == 1] > self.threshold).mean()
        print(f"{self.source}-{self.target}: {recall:.3f} of dropped clauses found in the fitting data")

    def write(self, path: Path):
        number = lambda value: f"{value:.5f}"
        row = lambda values: "[" + ", ".join(map(number, values)) + "]"
        matrix = ",\n".join("    " + row(values) for values in self.evidence)
        path.write_text(
            "# Made by scripts/guard/train.py; what the keys mean: src/guard/bilingual.rs.\n"
            f"length = {row(self.length)}\ndeviation = {row(self.deviation)}\n"
            f"evidence = [\n{matrix},\n]\nweights = {row(self.weights)}\nthreshold = {number(self.threshold)}\n"
        )


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1e-2) -> np.ndarray:
    """Weights and constant of a logistic regression (Newton's method)."""
    mean, scale = x.mean(0), x.std(0)
    z = np.c_[(x - mean) / scale, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ w))
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + ridge * np.eye(len(w)), z.T @ (p - y) + ridge * w)
    return np.append(w[:-1] / scale, w[-1] - (w[:-1] * mean / scale).sum())


def fitting_pairs(data: Path, pair: str) -> list[tuple[str, str]]:
    """Human translations."""
    lines = lambda name: (data / "tests" / name).read_text(encoding="utf-8").split("\n")[:-1]
    source, target = pair.split("-")
    pairs = list(zip(lines(f"flores200/dev.{source}"), lines(f"flores200/dev.{target}"), strict=True))
    if pair == "de-en":
        wmt = "wmt21-de-en/newstest2021.de-en"
        pairs += zip(lines(f"{wmt}.src.de"), lines(f"{wmt}.ref.A.en"), strict=True)
    if pair == "de-vi":
        tatoeba = "tatoeba-deu-vie/tatoeba-test-v2021-08-07"
        pairs += zip(lines(f"{tatoeba}.deu"), lines(f"{tatoeba}.vie"), strict=True)
    # WMT 21 was written in German and NTREX in English, whose translations are longer: twice
    # half of NTREX is as much.
    fitting, _ = ntrex_halves(data, source, target)
    pairs += 2 * fitting
    return [(a, b) for a, b in pairs if WORD.search(a) and WORD.search(b)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("work", type=Path, help="a folder for what lies between")
    parser.add_argument("--refit", action="store_true", help="keep the word alignments in WORK")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    known = {}
    for pair in PAIRS:
        if not options.refit:
            align(options.data, options.work, pair)
        known[pair] = probabilities(options.work, pair)
    frequency, direct = known["de-vi"]
    # German is counted where there is most of it.
    known["de-vi"] = (known["de-en"][0], through(known["de-en"][1], known["en-vi"][1], direct))
    for pair, (frequency, table) in known.items():
        lexicon = Lexicon(frequency, table)
        lexicon.write(DATA / f"lexicon.{pair}.zst")
        Fit(pair, lexicon, fitting_pairs(options.data, pair), seed=11).write(DATA / f"parameters.{pair}.toml")


if __name__ == "__main__":
    main()
