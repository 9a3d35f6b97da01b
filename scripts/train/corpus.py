"""Where the text is, which sets may be used, and how often each is shown.

`shared/data/README.md` is the source of the licence column; `FORBIDDEN` repeats its **no** rows.
"""

import io
import json
import unicodedata
from pathlib import Path

import zstandard

PAIRS = ("de-en", "de-vi", "en-vi")
"""Translation directions, source-target."""

TAGS = {"en": ">>eng<<", "vi": ">>vie<<"}
"""First source token, by target language."""

FORBIDDEN = {
    "iwslt-ted-devtst-all",  # CC BY-NC-ND
    "progit-sentences",  # CC BY-NC-SA
    "salesforce-help-dev",  # CC BY-NC
    "sap-softdoc-en-vi",  # CC BY-NC
    "xnli-de-en-vi",  # CC BY-NC
}

NOISY = {"opus-mixed-38k"}
"""Left out for quality: a third of a sample was loose or wrong."""

TOKENISED = {
    "europarl-marian-1k",
    "mlqe-pe-wikipedia",
    "opennmt-demo-10k",
    "pawsx-devtest",
    "wmt-ape-it",
}
"""Sets with spaces around punctuation, put back into running text."""

COPIES = {
    "baosongngu-en-vi": 2.0,
    "europarl-20k": 1.5,
    "mlqe-pe-wikipedia": 1.5,
    "mt-geneval": 1.5,
    "wmt-newstest2008-2018": 2.5,
    "mlqa-questions-de-vi": 2.0,
    "tatoeba-pivot-deu-vie": 2.0,
    "tatoeba-vie-eng": 1.5,
    "clc-law-en-vi": 0.7,
    "magento-de-en": 0.5,
    "magento-en-vi": 0.5,
    "multi30k": 0.6,
    "pawsx-devtest": 0.5,
    "pixel-dungeon-en-vi": 0.7,
    "software-ui-po-de-en": 0.6,
    "software-ui-po-en-vi": 0.6,
    "wikimedia-i18n-de-en": 0.7,
    "wikimedia-i18n-en-vi": 0.7,
    "wmt-ape-it": 0.4,
}
"""Mean showings of a pair in one pass; 1.0 for a set not named."""


def read_pairs(parallel: Path, pair: str):
    """Yields (source, target, set) from `parallel/PAIR.tsv.zst` or a plain `PAIR.tsv`."""
    packed = parallel / f"{pair}.tsv.zst"
    if packed.exists():
        stream = zstandard.ZstdDecompressor().stream_reader(packed.open("rb"))
        lines = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
    else:
        lines = (parallel / f"{pair}.tsv").open(encoding="utf-8", newline="\n")
    for line in lines:
        columns = line.rstrip("\n").split("\t")
        if len(columns) == 3:
            yield tuple(columns)


def read_prepared(work: Path, pair: str) -> list[tuple[str, str, str]]:
    """What `prepare.py` wrote for one pair: (source, target, set)."""
    return list(read_pairs(work / "pairs", pair))


def skeleton(text: str) -> str:
    """Letters and digits only, case-folded: equal for near-identical sentences."""
    text = unicodedata.normalize("NFC", text).casefold()
    return "".join(c for c in text if c.isalnum())


def held_out_skeletons(data: Path) -> set[str]:
    """Skeletons of every sentence of the test sets, alignment gold and documents under `data`."""
    sentences = []
    for path in sorted((data / "tests").rglob("*")):
        if path.is_file() and path.suffix in {".de", ".en", ".vi", ".deu", ".eng", ".vie"}:
            sentences += path.read_text(encoding="utf-8").splitlines()
    for path in sorted((data / "alignment").glob("*")):
        if path.suffix in {".de", ".en"}:
            sentences += path.read_text(encoding="utf-8").splitlines()
        elif path.suffix == ".txt":
            sentences += [line.split("\t", 1)[-1] for line in path.read_text(encoding="utf-8").splitlines()]
    for path in sorted((data / "documents").glob("*.json")):
        for article in json.loads(path.read_text(encoding="utf-8")):
            for paragraph in article["paragraphs"]:
                sentences += [paragraph] + paragraph.replace("? ", ". ").split(". ")
    for path in sorted((data / "articles").glob("*.txt")):
        for paragraph in path.read_text(encoding="utf-8").splitlines():
            sentences += [paragraph] + paragraph.split(". ")
    # Very short lines ("Ja.") are no leak, and dropping them would cost everyday phrases.
    return {s for s in map(skeleton, sentences) if len(s) >= 12}
