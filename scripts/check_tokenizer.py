#!/usr/bin/env python3
"""Compares `dolmetsch tokenize` with SentencePiece on the models and texts of ../shared.

    scripts/check_tokenizer.py --binary target/debug/dolmetsch --shared ../shared

For every folder with source.spm and target.spm, and for both sides, 20,000
lines (NTREX, FLORES, decomposed Vietnamese, fuzzed Unicode, three long ones) must give the same
pieces, the ids that vocab.json has for them, and the same text back. Needs
sentencepiece 0.2.3. Exits 1 when a line differs.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import unicodedata

import sentencepiece

CONTROL = {"</s>", "<pad>", "<unk>"}

# Ranges that tokenizers stumble over, and how often the fuzzer draws from each.
RANGES = [
    ((0x20, 0x7E), 12),
    ((0x61, 0x7A), 12),
    ((0xA0, 0x24F), 6),
    ((0x300, 0x36F), 4),
    ((0x1E00, 0x1EFF), 4),
    ((0x2000, 0x206F), 3),
    ((0x2070, 0x2BFF), 3),
    ((0x3000, 0x30FF), 2),
    ((0xFF00, 0xFFEF), 2),
    ((0x0, 0x1F), 2),
    ((0x7F, 0x9F), 1),
    ((0x400, 0x4FF), 2),
    ((0x590, 0x6FF), 2),
    ((0xE00, 0xE7F), 1),
    ((0x4E00, 0x9FFF), 2),
    ((0xAC00, 0xD7A3), 1),
    ((0xFB00, 0xFDFF), 1),
    ((0xFE00, 0xFE0F), 1),
    ((0x1F1E6, 0x1FAFF), 3),
    ((0x0, 0x10FFFF), 2),
]
TRICKY = [
    " ", "  ", "\u2581", "\u00a0", "\u200b", "\u200d", "\ufeff", "\u3000", "</s>", "<pad>", "<unk>",
    "<s>", ">>vie<<", "<0x41>", "\ufb01", "\u00bd", "\u2026", "\u00b4", "\u0323\u0302", "e\u0302\u0323",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "ggg", "1111", "...",
]


def lines_of(shared: pathlib.Path, count: int, seed: int) -> list[str]:
    corpus, decomposed = [], []
    for path in sorted([*(shared / "data/tests/ntrex").iterdir(), *(shared / "data/tests/flores200").iterdir()]):
        if path.suffix == ".docids" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8").split("\n")
        corpus += [line for line in text if line]
        if "vi" in path.name:
            decomposed += [unicodedata.normalize("NFD", line) for line in text if line]
    draw = random.Random(seed)
    ranges, weights = zip(*RANGES)
    alphabet = sorted({c for line in corpus for c in line})

    def character() -> str:
        while True:
            low, high = draw.choices(ranges, weights)[0]
            c = draw.randint(low, high)
            if c not in (0xA, 0xD) and not 0xD800 <= c <= 0xDFFF:
                return chr(c)

    def fuzzed() -> str:
        kind = draw.randrange(4)
        if kind == 0:
            return "".join(character() for _ in range(draw.randint(0, 60)))
        if kind == 1:
            return "".join(draw.choice(TRICKY) if draw.random() < 0.3 else character() for _ in range(draw.randint(0, 40)))
        if kind == 2:
            return "".join(draw.choices(draw.sample(alphabet, 3), k=draw.randint(1, 60)))
        line = list(draw.choice(corpus))
        for _ in range(draw.randint(1, 8)):
            at = draw.randint(0, len(line))
            line[at : at + draw.randint(0, 2)] = draw.choice(TRICKY) if draw.random() < 0.5 else character()
        return "".join(line)

    lines = corpus + decomposed
    draw.shuffle(lines)
    lines = lines[: count * 7 // 10]
    # Past a score of -100,000 SentencePiece counts anew.
    lines += ["".join(draw.choices(alphabet[:60], k=40_000)), " ".join(corpus[:300]), "ggg " * 20_000]
    return lines + [fuzzed() for _ in range(count - len(lines))]


def ask(binary: str, model: pathlib.Path, side: str, lines: list[str], *options: str) -> list[str]:
    command = [binary, "tokenize", "--model", str(model), *(["--target"] if side == "target" else []), *options]
    answer = subprocess.run(command, input="".join(line + "\n" for line in lines).encode(), stdout=subprocess.PIPE, check=True)
    answers = answer.stdout.decode().split("\n")[:-1]
    if len(answers) != len(lines):
        sys.exit(f"{len(lines)} lines in, {len(answers)} out: {' '.join(command)}")
    return answers


def id_of(piece: str, vocab: dict[str, int]) -> int:
    control = piece in CONTROL or (piece.startswith(">>") and piece.endswith("<<"))
    return vocab["<unk>"] if control else vocab.get(piece, vocab["<unk>"])


def span_errors(line: str, spans: list[list[int]]) -> list[str]:
    """Spans must be monotone, on character boundaries, and the last one empty at the end."""
    raw = line.encode()
    errors = []
    if spans[-1] != [len(raw), len(raw)]:
        errors.append(f"the last span is {spans[-1]}")
    for (start, end), (next_start, next_end) in zip(spans, spans[1:]):
        if start > next_start or end > next_end:
            errors.append(f"{[start, end]} then {[next_start, next_end]}")
    for start, end in spans:
        try:
            raw[start:end].decode()
        except UnicodeDecodeError:
            errors.append(f"{[start, end]} cuts a character")
    return errors


def check(binary: str, model: pathlib.Path, side: str, lines: list[str], show: int) -> int:
    spm = sentencepiece.SentencePieceProcessor(model_file=str(model / f"{side}.spm"))
    vocab_file = model / "vocab.json"
    vocab = json.loads(vocab_file.read_text(encoding="utf-8")) if vocab_file.exists() else None
    wrong = dict.fromkeys(["pieces", "ids", "spans", "text"], 0)

    def differs(kind: str, line: str, ours: object, theirs: object) -> None:
        wrong[kind] += 1
        if wrong[kind] <= show:
            print(f"  {kind} of {line!r}\n    ours   {ours}\n    theirs {theirs}")

    answers = ask(binary, model, side, lines)
    names = {id: piece for piece, id in vocab.items()} if vocab else None
    expected_text = []
    for line, answer in zip(lines, map(json.loads, answers)):
        pieces = spm.encode(line, out_type=str)
        ids = [id_of(piece, vocab) for piece in pieces] if vocab else spm.encode(line)
        eos = vocab["</s>"] if vocab else spm.piece_to_id("</s>")
        if answer["pieces"] != [*pieces, "</s>"]:
            differs("pieces", line, answer["pieces"], pieces)
        if answer["ids"] != [*ids, eos]:
            differs("ids", line, answer["ids"], ids)
        if errors := span_errors(line, answer["spans"]):
            differs("spans", line, errors, "")
        expected_text.append(spm.decode_pieces([names[id] if names else spm.id_to_piece(id) for id in ids]))
    decoded = ask(binary, model, side, answers, "--decode")
    for line, ours, theirs in zip(lines, decoded, expected_text):
        if ours != theirs:
            differs("text", line, repr(ours), repr(theirs))
    print(f"{model.name} {side}: {len(lines)} lines, differing {wrong}")
    return sum(wrong.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/debug/dolmetsch")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--model", type=pathlib.Path, action="append", help="a model folder; default: all of ../shared")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="differences to print of each kind")
    options = parser.parse_args()
    models = options.model or [
        *sorted((options.shared / "data/opusmt").iterdir()),
        options.shared / "data/builtin-bootstrap",
    ]
    lines = lines_of(options.shared, options.lines, options.seed)
    wrong = sum(check(options.binary, model, side, lines, options.show) for model in models for side in ("source", "target"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
