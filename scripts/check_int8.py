#!/usr/bin/env python3
"""What int8 changes in translations: each program's int8 compared with its own f32, on the same lines.

    scripts/check_int8.py ../shared/data --program target/release/dolmetsch

BLEU and chrF (sacreBLEU) of the first 500 lines of NTREX with the built-in model, in f32 and in int8, and how many
outputs are the same; of dolmetsch (guard off, nothing kept verbatim) and of CTranslate2 with the same model (beam 4 both).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import ctranslate2
import sentencepiece
from sacrebleu.metrics import BLEU, CHRF

from bench_vs_ctranslate2 import CORES, ROOT, convert

BUILTIN = ROOT / "models" / "builtin"
TAGS = {"en": ">>eng<<", "vi": ">>vie<<"}


def dolmetsch(program: str, language: str, lines: list[str], compute: str) -> list[str]:
    command = [program, "translate", "--model", "builtin", "--to", language, "--lines", "--format", "jsonl",
               "--guard", "off", "--no-verbatim", "--quiet"]  # fmt: skip
    command += ["--compute", "f32"] if compute == "float32" else []
    done = subprocess.run(command, input="".join(f"{line}\n" for line in lines), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(record)["target"] for record in done.stdout.splitlines()]


def ct2(folder: Path, language: str, lines: list[str], compute: str) -> list[str]:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(BUILTIN / "source.spm"))
    sources = [[TAGS[language], *pieces.encode(line, out_type=str), "</s>"] for line in lines]
    translator = ctranslate2.Translator(str(folder), device="cpu", compute_type=compute, inter_threads=CORES, intra_threads=1)
    results = translator.translate_batch(sources, beam_size=4, max_batch_size=32, max_decoding_length=512)
    return [pieces.decode(result.hypotheses[0]) for result in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("--program", default="target/release/dolmetsch")
    parser.add_argument("--lines", type=int, default=500)
    options = parser.parse_args()
    ntrex = options.data / "tests" / "ntrex"
    if not ntrex.is_dir():
        sys.exit(f"{ntrex} is not there: nothing to check with")
    lines = lambda language: (ntrex / f"ntrex-dev.{language}").read_text(encoding="utf-8").split("\n")[: options.lines]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "ct2"
        convert(BUILTIN, folder, "float32")
        systems = {
            "dolmetsch": lambda *arguments: dolmetsch(options.program, *arguments),
            "CTranslate2": lambda *arguments: ct2(folder, *arguments),
        }
        print("| into | program | f32: BLEU / chrF | int8: BLEU / chrF | outputs that are the same |")
        print("| --- | --- | --- | --- | --- |")
        for language in TAGS:
            for name, translate in systems.items():
                outputs = [translate(language, lines("de"), compute) for compute in ("float32", "int8")]
                scores = [
                    " / ".join(f"{metric.corpus_score(output, [lines(language)]).score:.2f}" for metric in (BLEU(), CHRF()))
                    for output in outputs
                ]
                same = sum(a == b for a, b in zip(*outputs, strict=True)) / len(outputs[0])
                print(f"| {language} | {name} | {scores[0]} | {scores[1]} | {same:.1%} |", flush=True)


if __name__ == "__main__":
    main()
