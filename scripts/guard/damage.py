"""Human translations, damaged in one known way each."""

import random
import re
from pathlib import Path

CLAUSE = re.compile(
    r"(?<=[,;:–—])\s|\s(?=[-–—(])|(?<=[)])\s"
    r"|\s(?=(?:and|but|that|which|who|because|when|while|or|as|after|before|where|if)\s)"
    r"|\s(?=(?:và|nhưng|mà|vì|khi|hoặc|sau khi|trước khi|nếu|để)\s)"
)
FEWEST_WORDS = 4
"""A clause has as many; the rest of the sentence, too."""

PLACEHOLDERS = ["{name}", "%s", "%1$d", "{0}", "${user}", "https://beispiel.de/seite?id=7", "<b>", "info@beispiel.de"]

NEGATIONS = {
    "en": re.compile(r"n['’]t\b|\b(?:not|no|never|none|nobody|nothing|neither|nor|without)\b ?", re.I),
    "vi": re.compile(r"\b(?:không|chưa|chẳng|đừng)\b ?", re.I),
}


def ntrex_halves(data: Path, source: str, target: str) -> tuple[list, list]:
    """The pairs of the even documents of NTREX, to fit with, and of the odd ones, to report on."""
    lines = lambda end: (data / f"tests/ntrex/ntrex-dev.{end}").read_text(encoding="utf-8").split("\n")[:-1]
    documents = lines("docids")
    number = {name: place for place, name in enumerate(dict.fromkeys(documents))}
    halves = [], []
    for document, *pair in zip(documents, lines(source), lines(target), strict=True):
        halves[number[document] % 2].append(tuple(pair))
    return halves


def drop_clause(text: str, rng: random.Random) -> str | None:
    """Without one clause, or two that stand together; `None` if there is only one."""
    cuts = [0, *(match.start() for match in CLAUSE.finditer(text)), len(text)]
    spans = []
    for i in range(len(cuts) - 1):
        for start, end in [(cuts[i], cuts[j]) for j in range(i + 1, min(i + 3, len(cuts)))]:
            dropped = len(text[start:end].split())
            kept = len(text.split()) - dropped
            if FEWEST_WORDS <= dropped <= 1.5 * kept and kept >= FEWEST_WORDS:
                spans.append((start, end))
    if not spans:
        return None
    start, end = rng.choice(spans)
    shorter = f"{text[:start].rstrip()} {text[end:].lstrip()}".strip()
    return shorter.rstrip(" ,;:–—-") + "." if end == len(text) else shorter


def change_number(text: str, rng: random.Random) -> str | None:
    """One digit of one number replaced."""
    places = [match.start() for match in re.finditer(r"\d", text)]
    if not places:
        return None
    at = rng.choice(places)
    other = rng.choice([d for d in "123456789" if d != text[at]])
    return text[:at] + other + text[at + 1 :]


def append_loop(text: str, rng: random.Random) -> str | None:
    """The last one to five words again, three to eight times."""
    words = text.split()
    if len(words) < 5:
        return None
    tail = " ".join(words[-rng.randint(1, 5) :])
    return f"{text} {' '.join([tail] * rng.randint(3, 8))}"


def remove_negation(text: str, language: str, rng: random.Random) -> str | None:
    """One negation less."""
    found = [m for m in NEGATIONS[language].finditer(text)]
    if not found:
        return None
    match = rng.choice(found)
    shorter = text[: match.start()] + text[match.end() :]
    if match.group().lower() == "without ":
        shorter = text[: match.start()] + "with " + text[match.end() :]
    return shorter


def insert_placeholder(source: str, target: str, rng: random.Random) -> tuple[str, str, str]:
    """Source and target with a placeholder at a word boundary each; the target without it."""
    placeholder = rng.choice(PLACEHOLDERS)

    def insert(text: str) -> str:
        words = text.split(" ")
        words.insert(rng.randint(0, len(words)), placeholder)
        return " ".join(words)

    return insert(source), insert(target), target
