"""Fits `src/guard/data/confidence.toml`: what a translation is worth, from what its record says.

    python scripts/calibrate_confidence.py ../shared/data [--program target/release/dolmetsch] [--model builtin]

Translates WMT 21 (English) or FLORES (Vietnamese) and the even documents of NTREX with `--guard report`, and fits a
logistic function of the record's features (`src/guard/confidence.rs`) to sentence chrF / 100 by maximum likelihood, so that a
confidence of 0.6 means a chrF of 60 on average. `check_guard.py confidence` reports on the odd documents. Two thousand
sentences for each language: some minutes. Run it again after another built-in model.
"""

import argparse
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from sacrebleu.metrics import CHRF

sys.path.insert(0, str(Path(__file__).parent / "guard"))

from check_guard import run
from damage import ntrex_halves

FEATURES = ("score", "least", "coverage", "problems", "words")
LEAST = -10.0
NOTES = {"copied", "split"}
"""Flags that are no problem."""


def features(record: dict) -> list[float]:
    """As in `src/guard/confidence.rs`."""
    starts, offset = [], 0
    for word in record["source"].split():
        start = record["source"].index(word, offset)
        offset = start + len(word)
        starts.append(len(record["source"][:start].encode()))
    linked = {link["source"][0] for link in record["alignment"]}
    return [
        record["score"],
        max(LEAST, min([0.0, *record["word_scores"]])),
        sum(start in linked for start in starts) / max(1, len(starts)),
        len(set(record["flags"]) - NOTES),
        math.log(max(1, len(starts))),
    ]


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    """Weights and constant of a logistic function whose mean is `y`, from 0 to 1 (Newton's method)."""
    z = np.c_[x, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-z @ w))
        gradient = z.T @ (p - y) + ridge * w
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z + ridge * np.eye(len(w)), gradient)
    return w


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("--program", default="target/release/dolmetsch")
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    lines = lambda name: (options.data / "tests" / name).read_text(encoding="utf-8").split("\n")[:-1]
    text = "# Made by scripts/calibrate_confidence.py; what the keys mean: src/guard/confidence.rs.\n"
    for language in ("en", "vi"):
        pairs, _ = ntrex_halves(options.data, "de", language)
        if language == "en":
            wmt = "wmt21-de-en/newstest2021.de-en"
            pairs += zip(lines(f"{wmt}.src.de"), lines(f"{wmt}.ref.A.en"), strict=True)
        else:
            pairs += zip(lines("flores200/dev.de"), lines("flores200/dev.vi"), strict=True)
        arguments = ["translate", "--model", options.model, "--to", language, "--lines", "--format", "jsonl", "--guard", "report"]
        try:
            records = run(options.program, arguments, [source for source, _ in pairs])
        except subprocess.SubprocessError as error:
            sys.exit(str(error))
        chrf = [CHRF().sentence_score(r["target"], [t]).score / 100 for r, (_, t) in zip(records, pairs, strict=True)]
        weights = logistic(np.array([features(record) for record in records]), np.array(chrf))
        text += f"\n[{language}]\n"
        text += "".join(f"{name} = {value:.4f}\n" for name, value in zip((*FEATURES, "constant"), weights, strict=True))
        print(f"{language}: {len(pairs)} sentences, mean chrF {100 * sum(chrf) / len(chrf):.1f}", flush=True)
    Path(__file__).parents[1].joinpath("src/guard/data/confidence.toml").write_text(text.replace("\n\n[en]", "\n[en]"))


if __name__ == "__main__":
    main()
