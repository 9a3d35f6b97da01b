"""Learns what `src/guard/bilingual.rs` knows of a language pair.

    python scripts/guard/train.py ../shared/data WORK            # everything: half an hour on two cores
    python scripts/guard/train.py ../shared/data WORK --refit    # keeps the lexicons

Writes `lexicon.PAIR.zst` and `parameters.PAIR.toml` to `src/guard/data`:

1. eflomal aligns the stems of `parallel/` (without the sets that may not be
   given away); the links of both directions give translation probabilities.
   German–Vietnamese has little text of its own and is mixed with the product of
   German–English and English–Vietnamese.
2. newstest2019, WMT 21, FLORES, Tatoeba (Vietnamese) and the even documents of
   NTREX (`check_guard.py` reports on the odd ones) give the length band, the
   evidence of a badly matched word, and a logistic regression between human
   translations and the same with a clause dropped (`coverage.py` computes its
   features). The threshold lets 2.5 % of human translations be flagged, of all
   and of those of NTREX.

Needs eflomal, numpy and zstandard (requirements.txt).
"""

import argparse
import collections
import math
import random
import sys
import zlib
from pathlib import Path

import numpy as np
import zstandard

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "train")]

import corpus
from coverage import UNKNOWN, UNKNOWN_TARGET, Lexicon, constancy, features, links
from damage import drop_clause, ntrex_halves
from words import WORD, stems

DATA = Path(__file__).parents[2] / "src/guard/data"
PAIRS = ("de-en", "en-vi", "de-vi")
MIN_COUNT = 3
MIN_PROBABILITY = 0.003
DIGITS = 5
SAMPLE = 60_000
"""Sentence pairs that tell how often a word is left unmatched."""
MATCHED = 2
"""The least strength of a match that counts there."""
FALSE_ALARMS = 0.025
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


class Fit:
    """The parameters of a pair."""

    def __init__(self, pair: str, lexicon: Lexicon, pairs: list[tuple[str, str]], ntrex: int, seed: int):
        """The last `ntrex` pairs are those of NTREX."""
        self.ntrex = ntrex
        self.lexicon = lexicon
        self.languages = tuple(pair.split("-"))
        self.pairs = pairs
        rng = random.Random(seed)
        damaged = [(i, drop_clause(b, rng)) for i, (_, b) in enumerate(pairs) for _ in range(2)]
        self.damaged = [(i, shorter) for i, shorter in damaged if shorter and WORD.search(shorter)]
        self.fit_length()
        self.fit_evidence()
        self.fit_weights()

    def stems(self, a: str, b: str) -> tuple[list[str], list[str]]:
        return stems(a, self.languages[0]), stems(b, self.languages[1])

    def length_features(self, text: str) -> list[float]:
        words = stems(text, self.languages[0])
        frequent = sum(stem in self.lexicon.frequent for stem in words)
        return [len(text), len(words), frequent, text.count(","), 1]

    def expected(self, text: str) -> float:
        return max(5.0, float(np.dot(self.length_features(text), self.length)))

    def fit_length(self):
        rows = np.array([self.length_features(a) for a, _ in self.pairs], float)
        lengths = np.array([len(b) for _, b in self.pairs], float)
        weight = 1 / np.array([len(a) for a, _ in self.pairs])
        self.length = np.linalg.lstsq(rows * weight[:, None], lengths * weight, rcond=None)[0].round(DIGITS)
        expected = np.maximum(5, rows @ self.length)
        # Mean absolute deviation of a normal distribution is sqrt(2/pi) of the standard one.
        spread = np.abs(np.log(lengths / expected)) * math.sqrt(math.pi / 2)
        columns = np.stack([np.ones(len(expected)), 1 / np.sqrt(expected)], 1)
        self.deviation = np.maximum(0, np.linalg.lstsq(columns, spread, rcond=None)[0])

    def fit_evidence(self):
        """Log-likelihood ratios: of source words that were dropped against kept ones, of target words of another sentence
        against the right one."""
        kept, dropped = np.ones((UNKNOWN + 1, 8)), np.ones((UNKNOWN + 1, 8))
        for i, shorter in self.damaged:
            source, target = self.stems(*self.pairs[i])
            less = stems(shorter, self.languages[1])
            of_source, _, _ = links(source, less, self.lexicon)
            _, of_target, partners = links(source, target, self.lexicon)
            for bucket, is_dropped in zip(of_source, self.dropped(source, target, less, partners), strict=True):
                if is_dropped is not None:
                    (dropped if is_dropped else kept)[bucket] += 1
        true, other = np.ones((UNKNOWN_TARGET + 1, 8)), np.ones((UNKNOWN_TARGET + 1, 8))
        order = sorted(range(len(self.pairs)), key=lambda i: len(self.pairs[i][1]))
        for place, i in enumerate(order):
            source, target = self.stems(*self.pairs[i])
            for bucket in links(source, target, self.lexicon)[1]:
                true[bucket] += 1
            wrong = stems(self.pairs[order[(place + 8) % len(order)]][0], self.languages[0])
            for bucket in links(wrong, target, self.lexicon)[1]:
                other[bucket] += 1
        self.evidence = [ratios(dropped, kept), ratios(other, true)]

    @staticmethod
    def dropped(source: list[str], target: list[str], less: list[str], partners: list) -> list:
        """For each source word whether its translation is what `less` lacks of `target`; `None`: not known."""
        start = next((k for k, (x, y) in enumerate(zip(target, less)) if x != y), min(len(target), len(less)))
        end = len(target) - (len(less) - start)
        counts = [[0, 0] for _ in source]
        for j, i in enumerate(partners):
            if i is not None:
                counts[i][start <= j < end] += 1
        known = [None if not any(count) else count[1] > count[0] for count in counts]
        before, after = list(known), list(known)
        for i in range(1, len(known)):
            before[i] = before[i - 1] if known[i] is None else known[i]
        for i in reversed(range(len(known) - 1)):
            after[i] = after[i + 1] if known[i] is None else known[i]
        return [x if x == y else None for x, y in zip(before, after, strict=True)]

    def features(self, a: str, b: str) -> list[float]:
        return features(a, b, self.languages, self.lexicon, self.evidence, self.expected(a))

    def fit_weights(self):
        rows = [self.features(a, b) for a, b in self.pairs] + [self.features(self.pairs[i][0], b) for i, b in self.damaged]
        # Copies of a pair share a group.
        group = [zlib.crc32(a.encode()) % 5 for a, _ in self.pairs]
        groups = np.array([*group, *(group[i] for i, _ in self.damaged)])
        x, y = np.array(rows), np.arange(len(rows)) >= len(self.pairs)
        scores = np.zeros(len(y))
        for group in range(5):
            weights = logistic(x[groups != group], y[groups != group])
            scores[groups == group] = x[groups == group] @ weights[:-1] + weights[-1]
        self.weights = logistic(x, y).round(DIGITS)
        # News that was written in English and is read in German is freer; it counts for itself.
        of_humans = scores[~y]
        self.threshold = float(max(np.quantile(part, 1 - FALSE_ALARMS) for part in (of_humans, of_humans[-self.ntrex :])))
        recall = (scores[y] > self.threshold).mean()
        print(f"{'-'.join(self.languages)}: {recall:.3f} of dropped clauses found in the fitting data, in turns", flush=True)

    def write(self, path: Path):
        number = lambda value: f"{value:.{DIGITS}f}"
        row = lambda values: "[" + ", ".join(map(number, values)) + "]"
        matrix = lambda table: "[\n" + ",\n".join("    " + row(values) for values in table) + ",\n]"
        path.write_text(
            "# Made by scripts/guard/train.py; what the keys mean: src/guard/bilingual.rs.\n"
            f"length = {row(self.length)}\ndeviation = {row(self.deviation)}\n"
            f"source_evidence = {matrix(self.evidence[0])}\ntarget_evidence = {matrix(self.evidence[1])}\n"
            f"weights = {row(self.weights)}\nthreshold = {number(self.threshold)}\n"
        )


def ratios(of_gap: np.ndarray, of_translation: np.ndarray) -> np.ndarray:
    """Log-likelihood ratios, row by row; 0 where little was seen."""
    share = lambda counts: counts / counts.sum(1, keepdims=True)
    evidence = np.log(share(of_gap) / share(of_translation))
    evidence[(of_gap + of_translation) < 6] = 0
    return evidence.round(DIGITS)


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1e-2) -> np.ndarray:
    """Weights and constant of a logistic regression (Newton's method)."""
    mean, scale = x.mean(0), x.std(0)
    z = np.c_[(x - mean) / scale, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-z @ w))
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + ridge * np.eye(len(w)), z.T @ (p - y) + ridge * w)
    return np.append(w[:-1] / scale, w[-1] - (w[:-1] * mean / scale).sum())


def fitting_pairs(data: Path, pair: str) -> tuple[list[tuple[str, str]], int]:
    """Human translations, and how many of them, the last ones, are of NTREX."""
    lines = lambda name: (data / "tests" / name).read_text(encoding="utf-8").split("\n")[:-1]
    source, target = pair.split("-")
    pairs = list(zip(lines(f"flores200/dev.{source}"), lines(f"flores200/dev.{target}"), strict=True))
    if pair == "de-en":
        news = "newstest2019/newstest2019"
        pairs += zip(lines(f"{news}.deu"), lines(f"{news}.eng"), strict=True)
        wmt = "wmt21-de-en/newstest2021.de-en"
        pairs += zip(lines(f"{wmt}.src.de"), lines(f"{wmt}.ref.A.en"), strict=True)
    if pair == "de-vi":
        tatoeba = "tatoeba-deu-vie/tatoeba-test-v2021-08-07"
        pairs += zip(lines(f"{tatoeba}.deu"), lines(f"{tatoeba}.vie"), strict=True)
    # WMT 21 was written in German and NTREX in English, whose translations are longer: twice
    # half of NTREX is as much.
    fitting, _ = ntrex_halves(data, source, target)
    has_words = lambda pairs: [(a, b) for a, b in pairs if WORD.search(a) and WORD.search(b)]
    fitting = has_words(fitting)
    return has_words(pairs) + 2 * fitting, 2 * len(fitting)


def measure_constancy(data: Path, lexicons: dict[str, Lexicon]):
    """How often the translations of `parallel/` leave each word unmatched: `und` seldom, `doch` mostly."""
    lost = {}
    for pair, lexicon in lexicons.items():
        lost[pair] = losses(data, pair, lexicon)
    for pair, lexicon in lexicons.items():
        of_source, of_target = lost[pair]
        # A German word that is often left out in English is so in Vietnamese, of which there is less text.
        known = lost["de-en"][0] if pair == "de-vi" else {}
        for stem in lexicon.table:
            prior = share(known.get(stem, (0, 0)), 0.25, 4)
            lexicon.constancy[stem] = constancy(share(of_source.get(stem, (0, 0)), prior, 8 if known else 4))
        targets = {t for row in lexicon.table.values() for t in row}
        seen = sorted(targets & of_target.keys())
        lexicon.target_constancy = {t: constancy(share(of_target[t], 0.3, 4)) for t in seen}


def losses(data: Path, pair: str, lexicon: Lexicon):
    """For the stems of each side how often they stand in a sample, and how often nothing matches them."""
    languages = pair.split("-")
    pairs = [(a, b) for a, b, name in corpus.read_pairs(data / "parallel", pair) if name not in corpus.FORBIDDEN | corpus.NOISY]
    random.Random(11).shuffle(pairs)
    counts = collections.defaultdict(lambda: [0, 0]), collections.defaultdict(lambda: [0, 0])
    for texts in pairs[:SAMPLE]:
        sides = [stems(text, language) for text, language in zip(texts, languages, strict=True)]
        if all(4 <= len(side) <= 60 for side in sides):
            for side, found, count in zip(sides, links(*sides, lexicon), counts, strict=False):
                for stem, (_, level) in zip(side, found, strict=True):
                    count[stem][0] += 1
                    count[stem][1] += level < MATCHED
    return counts


def share(count: tuple[int, int], prior: float, weight: float) -> float:
    return (count[1] + weight * prior) / (count[0] + weight)


def learn_lexicons(data: Path, work: Path) -> dict[str, Lexicon]:
    work.mkdir(parents=True, exist_ok=True)
    known = {}
    for pair in PAIRS:
        align(data, work, pair)
        known[pair] = probabilities(work, pair)
    # German is counted where there is most of it.
    mixed = through(known["de-en"][1], known["en-vi"][1], known["de-vi"][1])
    known["de-vi"] = (known["de-en"][0], mixed)
    return {pair: Lexicon.learnt(frequency, table) for pair, (frequency, table) in known.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("work", type=Path, help="a folder for what lies between")
    parser.add_argument("--refit", action="store_true", help="keep the lexicons")
    options = parser.parse_args()
    paths = {pair: DATA / f"lexicon.{pair}.zst" for pair in PAIRS}
    if options.refit:
        lexicons = {pair: Lexicon.read(path) for pair, path in paths.items()}
    else:
        lexicons = learn_lexicons(options.data, options.work)
        measure_constancy(options.data, lexicons)
    for pair, lexicon in lexicons.items():
        if not options.refit:
            packed = zstandard.ZstdCompressor(level=19).compress(lexicon.text().encode())
            paths[pair].write_bytes(packed)
            print(f"{paths[pair].name}: {len(lexicon.table)} stems, {len(packed) // 1024} KiB", flush=True)
        Fit(pair, lexicon, *fitting_pairs(options.data, pair), seed=11).write(DATA / f"parameters.{pair}.toml")


if __name__ == "__main__":
    main()
