"""Trains the joint SentencePiece model and encodes the prepared pairs.

    python scripts/train/vocab.py --work WORK

Writes `WORK/joint.model`, `WORK/vocab.json` and, per pair, `WORK/tokens/PAIR.npz` (see `tokens.py`).
"""

import argparse
import json
import random
import unicodedata
from itertools import permutations
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from corpus import COPIES, PAIRS, TAGS, read_prepared
from tokens import Pair, vocabulary_order

PLAIN = {
    "„": '"', "“": '"', "”": '"', "‟": '"', "«": '"', "»": '"', "″": '"',
    "‚": "'", "‘": "'", "’": "'", "‛": "'", "‹": "'", "›": "'", "´": "'", "`": "'", "′": "'",
    "…": "...", "‐": "-", "‑": "-", "―": "—", "−": "-", "\u00ad": "", "\u200b": "", "\ufeff": "",
}  # fmt: skip
SPACES = "\t\n\r\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
SPACE_LIKE = {space: " " for space in SPACES}


def normalisation_rules() -> dict[str, str]:
    """Composition (NFC) of Latin letters, plain quotation marks, plain spaces. Case and diacritics stay."""
    rules = dict(PLAIN) | SPACE_LIKE
    for code in [*range(0xC0, 0x250), *range(0x1E00, 0x1F00)]:
        letter = chr(code)
        base, *marks = unicodedata.normalize("NFD", letter)
        for order in permutations(marks):
            for composed in range(len(order)):  # marks already joined to the base, the rest still separate
                head = unicodedata.normalize("NFC", base + "".join(order[:composed]))
                spelled = head + "".join(order[composed:])
                if spelled != letter and unicodedata.normalize("NFC", spelled) == letter:
                    rules[spelled] = letter
    for code in range(0xFF01, 0xFF5F):  # full-width forms
        rules[chr(code)] = chr(code - 0xFEE0)
    return rules


def write_rules(path: Path) -> None:
    """SentencePiece's TSV: hexadecimal code points of the source, TAB, those of the target."""
    points = lambda text: " ".join(f"{ord(c):X}" for c in text)
    path.write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in sorted(normalisation_rules().items())))


TONES = ["", *"\u0300\u0301\u0309\u0303\u0323"]
SYMBOLS = "€£§°–—•·©®™½×÷±ẞ²³µ→"


def needed_characters() -> set[str]:
    """Letters of the three languages in both cases, ASCII and some symbols: these must never be `<unk>`."""
    letters = {unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưy" for tone in TONES} | set("đäöüß")
    letters |= {letter.upper() for letter in letters if len(letter.upper()) == 1}
    return (letters | {chr(code) for code in range(33, 127)} | set(SYMBOLS)) - normalisation_rules().keys()


def add_characters(path: Path) -> None:
    """Appends a piece for each needed character that training left out as too rare (ALL-CAPS Vietnamese above all)."""
    joint = sentencepiece_model_pb2.ModelProto()
    joint.ParseFromString(path.read_bytes())
    present = {piece.piece for piece in joint.pieces}
    lowest = min(piece.score for piece in joint.pieces)
    for character in sorted(needed_characters() - present):
        joint.pieces.add(piece=character, score=lowest - 0.1)
    joint.trainer_spec.vocab_size = len(joint.pieces)
    path.write_bytes(joint.SerializeToString())


def write_sample(work: Path, path: Path, lines: int, seed: int) -> None:
    """Sentences of each language in about equal parts, sets weighted as in training."""
    rng = random.Random(seed)
    by_language = {"de": [], "en": [], "vi": []}
    for pair in PAIRS:
        for source, target, name in read_prepared(work, pair):
            if rng.random() < COPIES.get(name, 1.0) and name != "augment":
                for language, text in zip(pair.split("-"), (source, target)):
                    by_language[language].append(text)
    with path.open("w", encoding="utf-8") as out:
        for texts in by_language.values():
            for text in rng.sample(texts, min(len(texts), lines // 3)):
                out.write(text + "\n")


def train_joint(args: argparse.Namespace) -> None:
    write_rules(args.work / "normalisation.tsv")
    write_sample(args.work, args.work / "sample.txt", args.sample, args.seed)
    sentencepiece.set_random_generator_seed(args.seed)
    sentencepiece.SentencePieceTrainer.train(
        input=str(args.work / "sample.txt"),
        model_prefix=str(args.work / "joint"),
        vocab_size=args.size,
        hard_vocab_limit=False,
        model_type="unigram",
        normalization_rule_tsv=str(args.work / "normalisation.tsv"),
        character_coverage=0.9999,
        split_digits=True,  # numbers are copied digit by digit
        bos_id=1, eos_id=2, unk_id=0, pad_id=-1,
        num_threads=args.threads,
        minloglevel=1,
    )  # fmt: skip
    add_characters(args.work / "joint.model")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--size", type=int, default=12000, help="pieces; default 12000")
    options.add_argument("--sample", type=int, default=450_000, help="sentences to train on; default 450000")
    options.add_argument("--keep", action="store_true", help="keep WORK/joint.model, only encode the pairs")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    args = options.parse_args()
    if not (args.keep and (args.work / "joint.model").exists()):
        train_joint(args)
    joint = sentencepiece.SentencePieceProcessor(model_file=str(args.work / "joint.model"))
    order = vocabulary_order(joint, TAGS.values())
    ids = {piece: index for index, piece in enumerate(order)}
    (args.work / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    print(f"vocabulary: {len(order)} entries", flush=True)
    for pair in PAIRS:
        encoded = Pair.encode(joint, ids, read_prepared(args.work, pair), ids[TAGS[pair.split("-")[1]]])
        encoded.save(args.work, pair)
        print(f"{pair}: {len(encoded)} examples, {len(encoded.source)} + {len(encoded.target)} tokens", flush=True)


if __name__ == "__main__":
    main()
