"""Human translations, damaged in one known way each."""

import random
import re
from pathlib import Path

CLAUSE = re.compile(
    r"(?<=[,;:–—])\s|\s(?=[-–—(])|(?<=[)])\s"
    r"|\s(?=(?:and|but|that|which|who|because|when|while|or|as|after|before|where|if)\s)"
    r"|\s(?=(?:và|nhưng|mà|vì|khi|hoặc|sau khi|trước khi|nếu|để)\s)"
)
MARK = re.compile(r"(?<=[,;:–—])\s|\s(?=[-–—(])|(?<=[)])\s")
FEWEST_WORDS = 4
"""A clause has as many; the rest of the sentence, too."""

PLACEHOLDERS = [
    "{name}", "%s", "%1$d", "{0}", "{{count}}", "${user}", "%(size)s", "$1", "[[1]]", "__PH0__", "<b>", "<br/>", "&nbsp;", ":smile:",
    "https://beispiel.de/seite?id=7", "www.beispiel.de", "info@beispiel.de", "@beispiel", "#beispiel", "/etc/hosts", "`ls -l`",
]  # fmt: skip

NEGATIONS = {
    language: [(re.compile(negation, re.I), instead) for negation, instead in rules]
    for language, rules in {
        "en": [
            (r"\b(can)(?:not| not|['’]t)\b", r"\1"),
            (r"\b(?:do|does|did)(?:n['’]t| not) ", ""),
            (r"n['’]t\b", ""),
            (r"\b(?:not|never) ", ""),
            (r"\bno (?=[a-z])", "a "),
            (r"\bwithout\b", "with"),
            (r"\bnothing\b", "something"),
            (r"\b(?:nobody|no one)\b", "everybody"),
            (r"\bnone of\b", "all of"),
            (r"\bneither\b", "both"),
            (r"\bnor\b", "and"),
        ],
        "vi": [(r"\bkhông có\b", "có"), (r"\b(?:không|chưa|chẳng|đừng|chả)(?: hề| bao giờ)? ", "")],
    }.items()
}
"""What is taken away, and what stands there instead."""

NUMBER_WORDS = (
    "two three four five six seven eight nine ten eleven twelve".split(),
    "twenty thirty forty fifty sixty seventy eighty ninety".split(),
    "hundred thousand million billion".split(),
    "hai ba bốn năm sáu bảy tám chín mười".split(),
    "trăm nghìn triệu tỷ".split(),
)
NUMBER_WORD = re.compile(r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|million|billion|triệu|tỷ)\b", re.I)  # fmt: skip


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
    """Without a clause, two that stand together, one half, or an end; `None` if nothing is long enough."""
    words, kind = text.split(), rng.choice(["mark", "mark", "clause", "clause", "half", "end"])
    if kind in ("mark", "clause"):
        cuts = CLAUSE if kind == "clause" else MARK
        places = [0, *(len(text[: match.start()].split()) for match in cuts.finditer(text)), len(words)]
    else:
        places = [0, len(words) // 2 if kind == "half" else int(len(words) * rng.uniform(0.5, 0.8)), len(words)]
    most = 2 if kind == "clause" else 1
    spans = []
    for i, start in enumerate(places):
        for end in places[i + 1 : i + 1 + most]:
            dropped, kept = end - start, len(words) - (end - start)
            if FEWEST_WORDS <= dropped <= 1.5 * kept and kept >= FEWEST_WORDS and not (kind == "end" and start == 0):
                spans.append((start, end))
    if not spans:
        return None
    start, end = rng.choice(spans)
    shorter = " ".join(words[:start] + words[end:])
    return shorter.rstrip(" ,;:–—-") + "." if end == len(words) else shorter


def change_number(text: str, rng: random.Random) -> str | None:
    """One digit replaced, taken away or added, or another number word."""
    numbers = list(re.finditer(r"\d+", text))
    words = list(NUMBER_WORD.finditer(text))
    if words and (not numbers or rng.random() < 0.2):
        match = rng.choice(words)
        family = next(family for family in NUMBER_WORDS if match.group().lower() in family)
        other = rng.choice([word for word in family if word != match.group().lower()])
        return text[: match.start()] + other + text[match.end() :]
    if not numbers:
        return None
    match = rng.choice(numbers)
    digits, at = match.group(), rng.randrange(len(match.group()))
    other = rng.choice([digit for digit in "123456789" if digit != digits[at]])
    kind = rng.choice(["replace", "replace", "replace", "add", "remove"])
    if kind == "add":
        changed = digits[:at] + other + digits[at:]
    elif kind == "remove" and len(digits) > 1:
        changed = digits[:at] + digits[at + 1 :]
    else:
        changed = digits[:at] + other + digits[at + 1 :]
    return text[: match.start()] + changed + text[match.end() :]


def append_loop(text: str, rng: random.Random) -> str | None:
    """The last one to five words again, three to eight times."""
    words = text.split()
    if len(words) < 5:
        return None
    tail = " ".join(words[-rng.randint(1, 5) :])
    return f"{text} {' '.join([tail] * rng.randint(3, 8))}"


def remove_negation(text: str, language: str, rng: random.Random) -> str | None:
    """One negation less."""
    found = [(match, instead) for negation, instead in NEGATIONS[language] for match in negation.finditer(text)]
    if not found:
        return None
    match, instead = rng.choice(found)
    return text[: match.start()] + match.expand(instead) + text[match.end() :]


def insert_placeholder(source: str, target: str, rng: random.Random) -> tuple[str, str, str]:
    """Source and target with a placeholder at a word boundary each; the target without it."""
    placeholder = rng.choice(PLACEHOLDERS)

    def insert(text: str) -> str:
        words = text.split(" ")
        words.insert(rng.randint(0, len(words)), placeholder)
        return " ".join(words)

    return insert(source), insert(target), target
