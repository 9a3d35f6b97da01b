"""Compares `dolmetsch translate` with transformers on whole model folders with a real tokenizer.

    python scripts/check_parity.py --tokenizer FOLDER --lines FILE [--models 3]   random models, files of FOLDER
    python scripts/check_parity.py --model-dir FOLDER --lines FILE                an existing model

For beam 1, 4 and 6 and every line: source ids (against sentencepiece and vocab.json), target ids and score. Prints a
table of the sentences that differ; exit code 1 if there are any. A sentence whose ids differ because transformers itself
decided it by less than `TIE` (either rounding is right) is listed as a tie and is no difference.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))
from beam_margins import Search, beam_search  # noqa: E402
from parity import Fixture, generate, random_model, write_model  # noqa: E402
from toy_language import teach_lines  # noqa: E402

SCORE_TOLERANCE = 1.5e-4  # 1e-4, and half a unit of the four decimals that are printed
TIE = 1e-4
BATCH = 16
TAGS = {"en": ">>eng<<", "vi": ">>vie<<"}
TOKENIZER_FILES = ("source.spm", "target.spm", "vocab.json", "target_vocab.json", "tokenizer_config.json")


@dataclass
class Difference:
    beam: int
    line: int
    what: str
    expected: object
    actual: object


class SourceTokens:
    """The contract of the tokenizer: SentencePiece's pieces, looked up in vocab.json."""

    def __init__(self, folder: Path, target_language: str) -> None:
        self.spm = sentencepiece.SentencePieceProcessor(str(folder / "source.spm"))
        self.vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        tag = self.vocab.get(TAGS.get(target_language))
        self.prefix = [] if tag is None else [tag]

    def encode(self, line: str) -> list[int]:
        unknown = self.vocab["<unk>"]
        pieces = self.spm.encode(line, out_type=str)
        return [*self.prefix, *(self.vocab.get(piece, unknown) for piece in pieces), self.vocab["</s>"]]


def random_fixture(tokenizer: Path, seed: int) -> Fixture:
    """A small model with the vocabulary of `tokenizer`; its other properties are drawn."""
    rng = random.Random(seed)
    vocab = json.loads((tokenizer / "vocab.json").read_text(encoding="utf-8"))
    targets = tokenizer / "target_vocab.json"
    config = {
        "activation_function": rng.choice(["swish", "relu", "gelu"]),
        "encoder_layers": rng.randint(1, 3),
        "decoder_layers": rng.randint(1, 3),
        "encoder_attention_heads": rng.choice([1, 2, 4, 8]),
        "decoder_attention_heads": rng.choice([1, 2, 4, 8]),
        "encoder_ffn_dim": rng.choice([24, 32, 64]),
        "decoder_ffn_dim": rng.choice([24, 32, 64]),
        "scale_embedding": rng.random() < 0.7,
        "vocab_size": len(vocab),
        "pad_token_id": vocab["<pad>"],
        "decoder_start_token_id": vocab["<pad>"],
        "eos_token_id": vocab["</s>"],
        "forced_eos_token_id": vocab["</s>"],
        "max_position_embeddings": 512,
    }
    if targets.exists():
        size = len(json.loads(targets.read_text(encoding="utf-8")))
        config |= {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": size}
    return Fixture(
        f"random-{seed}",
        config,
        dtype=rng.choice([torch.float32, torch.float16, torch.bfloat16]),
        file=rng.choice(["model.safetensors", "pytorch_model.bin"]),
        legacy=rng.random() < 0.5,
    )


def write_random_model(folder: Path, tokenizer: Path, seed: int, sources: list[list[int]]) -> str:
    fixture = random_fixture(tokenizer, seed)
    model = random_model(fixture, seed)
    teach_lines(model, sources, seed)
    write_model(fixture, model.to(fixture.dtype), folder)
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, folder / name)
    shown = {key: value for key, value in fixture.config.items() if not key.endswith("_id")}
    return f"seed {seed}, {fixture.file}{' legacy' if fixture.legacy else ''}, {fixture.dtype}, {shown}"


def run_dolmetsch(args: argparse.Namespace, folder: Path, lines: list[str], beam: int) -> list[dict]:
    command = [
        args.binary, "translate", "--lines", "--format", "jsonl", "--tokens", "--engine", "reference",
        "--beam", str(beam), "--max-length", str(args.max_length), "--model", folder,
        "--from", args.source_language, "--to", args.target_language, "--normalize", "none", "--no-verbatim", "-",
    ]  # fmt: skip
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nexit code {done.returncode}\n{done.stderr}")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if len(records) != len(lines):
        sys.exit(f"{len(lines)} lines in, {len(records)} records out (beam {beam})")
    return records


def compare(beam: int, sources: list, hypotheses: list, records: list[dict]) -> list[Difference]:
    found = []
    for line, (source, (best, *_), record) in enumerate(zip(sources, hypotheses, records, strict=True), 1):
        if record["source_ids"] != source:
            found.append(Difference(beam, line, "source_ids", source, record["source_ids"]))
        elif record["target_ids"] != best.ids:
            found.append(Difference(beam, line, "target_ids", best.ids, record["target_ids"]))
        elif not abs(record["score"] - best.score) <= SCORE_TOLERANCE:
            found.append(Difference(beam, line, "score", round(best.score, 6), record["score"]))
    return found


def is_tie(model, source: list[int], search: Search) -> bool:
    return beam_search(model, source, search)[1] < TIE


def check_model(args: argparse.Namespace, folder: Path, lines: list[str]) -> int:
    """Prints one line per beam and the differing sentences; returns how many there are."""
    model = transformers.MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokens = SourceTokens(folder, args.target_language)
    sources = [tokens.encode(line) for line in lines]
    count = 0
    for beam in args.beams:
        search = Search(beam, args.max_length)
        hypotheses = []
        for start in range(0, len(sources), BATCH):
            hypotheses += generate(model, sources[start : start + BATCH], search)
        lengths = [len(best.ids) for best, *_ in hypotheses]
        limit = sum(length == args.max_length - 1 for length in lengths)
        print(f"  beam {beam}: {len(lines)} sentences, {sum(lengths)} target ids, {limit} at the limit", end="", flush=True)
        if args.oracle_only:
            print(f", first: {hypotheses[0][0]}")
            continue
        differing = compare(beam, sources, hypotheses, run_dolmetsch(args, folder, lines, beam))
        ties = [d for d in differing if d.what == "target_ids" and is_tie(model, sources[d.line - 1], search)]
        print(f", {len(differing) - len(ties)} differ, {len(ties)} ties")
        for difference in differing:
            kind = "tie" if difference in ties else difference.what
            print(f"    line {difference.line:4} {kind:10} transformers {difference.expected}")
            print(f"    {'':20} dolmetsch    {difference.actual}  {lines[difference.line - 1][:60]}")
        count += len(differing) - len(ties)
    return count


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tokenizer", type=Path, help="folder with source.spm, target.spm, vocab.json for random models")
    what.add_argument("--model-dir", type=Path, help="an existing model folder")
    parser.add_argument("--lines", type=Path, required=True, help="text file, one sentence per line")
    parser.add_argument("--count", type=int, default=200, help="lines used, from the first (200)")
    parser.add_argument("--models", type=int, default=3, help="random models to try (3)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first random model (1)")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4, 6], help="beam sizes (1 4 6)")
    parser.add_argument("--max-length", type=int, default=60, help="decoder positions, start token included (60)")
    parser.add_argument("--binary", type=Path, default=Path("target/release/dolmetsch"), help="target/release/dolmetsch")
    parser.add_argument("--from", dest="source_language", default="de", help="passed on (de)")
    parser.add_argument("--to", dest="target_language", default="en", help="passed on; chooses the tag (en)")
    parser.add_argument("--oracle-only", action="store_true", help="run transformers alone, to try the script")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    lines = [line for line in args.lines.read_text(encoding="utf-8").split("\n") if line.strip()][: args.count]
    if args.model_dir:
        print(args.model_dir)
        sys.exit(check_model(args, args.model_dir, lines) > 0)
    count = 0
    tokens = SourceTokens(args.tokenizer, args.target_language)
    sources = [tokens.encode(line) for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seed, args.seed + args.models):
            print(write_random_model(Path(folder), args.tokenizer, seed, sources), flush=True)
            count += check_model(args, Path(folder), lines)
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
