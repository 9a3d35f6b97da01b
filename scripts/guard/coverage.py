"""What `src/guard/bilingual.rs`, `links.rs` and `coverage.rs` do, for fitting: the same numbers from the same texts."""

import collections
import math
import re
import unicodedata
from pathlib import Path

import zstandard

from words import WORD, stems

FREQUENT = 0.02
"""Share of all sentences from which on a stem is one of the few that make up half of all text."""
LOSSES = (0.6, 0.45, 0.33, 0.24, 0.17, 0.12, 0.08, 0.05)
"""Below these shares of translations that leave a word unmatched its constancy is 1 to 8."""
COMPOUND, UNKNOWN, UNKNOWN_TARGET = 9, 10, 9
"""What stands for the constancy of a compound of known parts, and of words that the lexicon lacks."""
SAME = 2000
"""The probability, per mille, of a word that is the same on both sides."""
STRENGTHS = (1, 10, 30, 100, 250, 500, SAME)
"""From these probabilities on a match has strength 1 to 7; of several translations they are summed up."""
MOST_TRANSLATIONS = 25

BOUNDARY = re.compile(r"""[,;:–—()„“”"!?]| - |\. """)
CONJUNCTIONS = {
    "de": set("und oder aber dass weil wenn als um sowie sondern denn während obwohl damit nachdem bevor".split()),
    "en": set("and or but that because when if while although though which who where after before since unless".split()),
}
MARKS = ";:–—()"


class Lexicon:
    """As `Bilingual` in `src/guard/bilingual.rs`."""

    def __init__(self, table: dict[str, dict[str, int]], frequent: set[str]):
        """The translations of each source stem with their probabilities per mille."""
        self.table, self.frequent = table, frequent
        self.constancy: dict[str, int] = {}
        self.target_constancy: dict[str, int] = {}

    @classmethod
    def learnt(cls, frequency: dict, table: dict):
        """From frequencies of source stems and probabilities of their translations; without the constancy of words."""
        kept = {}
        for stem, row in sorted(table.items()):
            best = sorted(row.items(), key=lambda item: (-item[1], item[0]))[:MOST_TRANSLATIONS]
            kept[stem] = {t: max(1, round(1000 * p)) for t, p in best}
        return cls(kept, {stem for stem in kept if frequency.get(stem, 0) > FREQUENT})

    @classmethod
    def read(cls, path: Path):
        """From the file that `text` is packed into."""
        text = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).decode()
        sources, targets = text.split("\n\n")
        rows = [line.split(" ") for line in sources.split("\n")]
        table = {stem: dict(zip(row[::2], map(int, row[1::2]), strict=True)) for stem, _, _, *row in rows}
        lexicon = cls(table, {stem for stem, frequent, *_ in rows if frequent == "1"})
        lexicon.constancy = {stem: int(constancy) for stem, _, constancy, *_ in rows}
        lexicon.target_constancy = {stem: int(constancy) for stem, constancy in map(str.split, targets.splitlines())}
        return lexicon

    def text(self) -> str:
        rows = []
        for stem, translations in self.table.items():
            row = " ".join(f"{t} {p}" for t, p in translations.items())
            rows.append(f"{stem} {int(stem in self.frequent)} {self.constancy[stem]} {row}\n")
        return "".join(rows) + "\n" + "".join(f"{stem} {c}\n" for stem, c in self.target_constancy.items())

    def parts(self, stem: str):
        """The longest known end and the longest known start of a compound."""
        places = range(3, max(3, len(stem) - 3))
        end = next((stem[at:] for at in places if stem[at:] in self.table), None)
        start = next((stem[:at] for at in reversed(places) if stem[:at] in self.table), None)
        return [part for part in (end, start) if part]

    def row(self, stem: str) -> tuple[int, dict[str, int]]:
        """Constancy and translations of a stem, or those of the parts of a compound."""
        if stem in self.table:
            return self.constancy.get(stem, 0), self.table[stem]
        parts, row = self.parts(stem), {}
        for part in parts:
            for target, p in self.table[part].items():
                row[target] = max(p, row.get(target, 0))
        return (COMPOUND if parts else UNKNOWN), row


def constancy(lost: float) -> int:
    """The class of a word that this share of translations leaves unmatched."""
    return sum(lost < bound for bound in LOSSES)


def strength(found: list[int]) -> int:
    mille = SAME if SAME in found else min(sum(found), SAME - 1)
    return sum(mille >= bound for bound in STRENGTHS)


def is_cognate(a: str, b: str) -> bool:
    if a == b:
        return True
    if a[0] != b[0] or len(a) < 4:
        return False
    alike = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return alike >= 4 and alike * 10 >= max(len(a), len(b)) * 6


def links(source: list[str], target: list[str], lexicon: Lexicon):
    """Constancy of each word on both sides, strength of its match, and the source word that each target word matches."""
    n, m = len(source), len(target)
    places = collections.defaultdict(list)
    for j, stem in enumerate(target):
        places[stem].append(j)
    best = [(0.0, 0, 0)] * m
    rows = [lexicon.row(stem) for stem in source]
    for i, stem in enumerate(source):
        found = {t: p for t, p in rows[i][1].items() if t in places}
        found |= {t: SAME for t in places if is_cognate(stem, t)}
        for t, p in found.items():
            for j in places[t]:
                near = 1.0 - abs(i / n - j / m)
                score = p * near * near
                if score > best[j][0]:
                    best[j] = (score, i, p)
    mass = [{} for _ in source]
    for j, (score, i, p) in enumerate(best):
        if score > 0:
            mass[i][target[j]] = p
    of_source = [(known, strength(list(row.values()))) for (known, _), row in zip(rows, mass, strict=True)]
    known = [lexicon.target_constancy.get(t, UNKNOWN_TARGET) for t in target]
    of_target = [(constancy, strength([p])) for constancy, (_, _, p) in zip(known, best, strict=True)]
    return of_source, of_target, [i if score > 0 else None for score, i, _ in best]


def strongest(evidence: list[float]) -> tuple[float, int, int]:
    """Sum, start and end of the stretch with the largest sum (Kadane's scan)."""
    best, total, start = (0.0, 0, 0), 0.0, 0
    for at, value in enumerate(evidence):
        if total + value <= 0:
            total, start = 0.0, at + 1
        else:
            total += value
            if total > best[0]:
                best = (total, start, at + 1)
    return best


def clauses(text: str, language: str) -> list[int]:
    """For each word of `text` the number of its clause."""
    numbers, number, end = [], 0, 0
    for match in WORD.finditer(text):
        if numbers and (BOUNDARY.search(text[end : match.start()]) or match.group() in CONJUNCTIONS[language]):
            number += 1
        numbers.append(number)
        end = match.end()
    return numbers


def first_letter(text: str) -> str:
    return next((c for c in text if c.isalpha()), "")


def features(a: str, b: str, languages: tuple[str, str], lexicon: Lexicon, evidence, expected: float) -> list[float]:
    """As `features` in `src/guard/coverage.rs`."""
    starts_inside = first_letter(a).isupper() and first_letter(b).islower()
    a, b = (unicodedata.normalize("NFC", text).lower() for text in (a, b))
    of_source, of_target, _ = links(stems(a, languages[0]), stems(b, languages[1]), lexicon)
    source = [evidence[0][constancy][level] for constancy, level in of_source]
    target = [evidence[1][constancy][level] for constancy, level in of_target]
    n, m = len(source), max(1, len(target))
    found, start, end = strongest(source)
    numbers = clauses(a, languages[0])
    sums = collections.defaultdict(float)
    for number, value in zip(numbers, source, strict=True):
        sums[number] += value
    clause = strongest([sums[number] for number in range(numbers[-1] + 1)])[0]
    target_found = strongest(target)[0]
    words = [len(word) + 1 for word in WORD.findall(a)]
    hole = sum(words[start:end]) / len(a) * expected
    deficit = expected - len(b)
    ratio, root = math.log(max(1, len(b)) / expected), math.sqrt(expected)
    commas = a.count(",") - b.count(",")
    marks = sum(c in MARKS for c in a) - sum(c in MARKS for c in b)
    return [
        math.sqrt(found),
        found / math.sqrt(n),
        math.sqrt(clause),
        clause / math.sqrt(n),
        target_found / math.sqrt(m),
        sum(value for value in target if value > 0) / math.sqrt(m),
        sum(source) / n,
        sum(target) / m,
        ratio,
        ratio * math.log(expected),
        math.log(expected),
        deficit / root,
        min(hole, max(0.0, deficit)) / root,
        (hole - deficit) / root,
        hole / root,
        (end - start) / n,
        float(end == n),
        float(start == 0),
        commas,
        commas / math.sqrt(n),
        marks,
        float(starts_inside),
    ]
