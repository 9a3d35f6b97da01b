#!/usr/bin/env python3
"""Checks that `dolmetsch compare` gives sacreBLEU's scores, signatures, p-values and intervals.

    pip install -r scripts/requirements.txt
    scripts/check_metrics.py                      # the texts in ../shared/data
    scripts/check_metrics.py --reference ref.en --reference ref2.en hyp1.en hyp2.en

Every combination of options for BLEU, chrF and TER (TER's for the first
system only, sacreBLEU being slow there; --all for all), sentence scores for the
options one by one, and all tests. Scores must be equal in every bit; nothing
but TER's p-values by approximate randomisation with several references may be a
trial off.
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

ROOT = pathlib.Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data/tests"
CLASSES = {"bleu": BLEU, "chrf": CHRF, "ter": TER}

SMOOTHING = [("exp", None), ("none", None), ("floor", None), ("floor", 0.35), ("add-k", None), ("add-k", 1.5)]
OPTIONS = {
    "bleu": {"tokenize": ["13a", "intl", "char", "none", "zh"], "smooth": SMOOTHING, "lowercase": [False, True], "effective_order": [False, True]},
    "chrf": {"orders": [(6, 0), (6, 2), (6, 1), (4, 2), (1, 0), (0, 2)], "beta": [2, 1, 3], "lowercase": [False, True], "whitespace": [False, True], "eps_smoothing": [False, True]},
    "ter": {name: [False, True] for name in ("normalized", "no_punct", "asian_support", "case_sensitive")},
}  # fmt: skip


def product(metric: str) -> list[dict]:
    return [dict(zip(OPTIONS[metric], values)) for values in itertools.product(*OPTIONS[metric].values())]


def one_by_one(metric: str) -> list[dict]:
    default, *others = product(metric)
    return [default] + [o for o in others if sum(o[key] != default[key] for key in default) == 1]


def scorer(metric: str, options: dict, references: list[list[str]]):
    options = dict(options)
    if "smooth" in options:
        options["smooth_method"], options["smooth_value"] = options.pop("smooth")
    if "orders" in options:
        options["char_order"], options["word_order"] = options.pop("orders")
    return CLASSES[metric](**options, references=references)


def arguments(metric: str, options: dict) -> list[str]:
    found = ["-m", metric, "--format", "json"]
    for name, value in options.items():
        if name == "smooth":
            found += ["--smooth-method", value[0]] + (["--smooth-value", str(value[1])] if value[1] else [])
        elif name == "orders":
            found += ["--chrf-char-order", str(value[0]), "--chrf-word-order", str(value[1])]
        elif value is True:
            prefix = "" if metric == "bleu" else f"{metric}-"
            found.append(f"--{prefix}{name}".replace("_", "-"))
        elif value is not False:
            prefix = "" if metric == "bleu" else f"{metric}-"
            found += [f"--{prefix}{name}".replace("_", "-"), str(value)]
    return found


class Checker:
    def __init__(self, program: str, files: tuple[list[pathlib.Path], list[pathlib.Path]], lines: int | None):
        self.folder = tempfile.TemporaryDirectory()
        read = lambda path: [line.rstrip() for line in open(path, encoding="utf-8", newline="\n")][:lines]  # noqa: E731
        references, systems = files
        self.program, self.files = program, ([], [])
        for cut, paths in zip(self.files, files):
            for path in paths:
                cut.append(pathlib.Path(self.folder.name) / path.name)
                cut[-1].write_text("".join(line + "\n" for line in read(path)), encoding="utf-8")
        self.references, self.systems = [read(path) for path in references], [read(path) for path in systems]
        self.checked = self.failed = 0

    def run(self, *options: str, systems: int | None = None, references: int = 1) -> list[dict]:
        command = [self.program, "compare", *map(str, self.files[1][:systems])]
        for path in self.files[0][:references]:
            command += ["--reference", str(path)]
        output = subprocess.run([*command, *options], check=True, capture_output=True, env={**os.environ, "SACREBLEU_SEED": "12345"}).stdout
        return json.loads(output)

    def equal(self, found, expected, what: str, within: float = 0.0) -> None:
        self.checked += 1
        same = found == expected or (within and None not in (found, expected) and abs(found - expected) <= within)
        if not same:
            self.failed += 1
            print(f"{what}: {found!r} is not {expected!r}", file=sys.stderr)

    def scores(self, metric: str, options: dict, references: int, systems: int | None) -> None:
        ours = self.run(*arguments(metric, options), systems=systems, references=references)
        theirs = scorer(metric, options, self.references[:references])
        for system, result in zip(self.systems[:systems], ours):
            score = theirs.corpus_score(system, None)
            (result_of_metric,) = result["metrics"]
            what = f"{result['system']} {metric} {options} {references} references"
            self.equal(result_of_metric["score"], float(score.score), what)
            self.equal(result_of_metric["name"], score.name, what)
            self.equal(result_of_metric["signature"], theirs.get_signature().format(), what)
            self.equal(result_of_metric.get("verbose_score", ""), score._verbose, what)

    def sentences(self, metric: str, options: dict, references: int) -> None:
        if metric == "bleu":
            options = {**options, "effective_order": True}
        ours = self.run(*arguments(metric, options), "--sentence-level", systems=1, references=references)
        (found,) = ours[0]["metrics"]
        theirs = scorer(metric, options, None)
        lines = zip(self.systems[0], *self.references[:references])
        for number, (score, (text, *texts)) in enumerate(zip(found["scores"], lines), 1):
            expected = float(theirs.sentence_score(text, texts).score)
            self.equal(score, expected, f"line {number} {metric} {options} {references} references")

    def tests(self, metric: str, options: dict, references: int, test: str, trials: int) -> None:
        ours = self.run(*arguments(metric, options), f"--paired-{test}", f"--paired-{test}-n", str(trials), references=references)
        theirs = scorer(metric, options, self.references[:references])
        named = [(str(number), system) for number, system in enumerate(self.systems)]
        signatures, results = PairedTest(named, {metric: theirs}, None, test, n_samples=trials)()
        ((name, signature),) = signatures.items()
        for result, expected in zip(ours, results[name]):
            (found,) = result["metrics"]
            what = f"{result['system']} {metric} {options} {test} {trials}"
            plain = lambda value: None if value is None else float(value)  # noqa: E731
            self.equal(found["signature"], signature.format(), what)
            one_off = 1.01 / (trials + 1) if (metric, test) == ("ter", "ar") and references > 1 else 0.0
            self.equal(found.get("p_value"), plain(expected.p_value), what, one_off)
            self.equal(found.get("confidence_mean"), plain(expected.mean), what)
            self.equal(found.get("confidence_var"), plain(expected.ci), what)

    def interval(self, metric: str, trials: int) -> None:
        options = product(metric)[0]
        ours = self.run(*arguments(metric, options), "--confidence", "--confidence-n", str(trials), systems=1)
        (found,) = ours[0]["metrics"]
        theirs = scorer(metric, options, None)
        expected = theirs.corpus_score(self.systems[0], self.references[:1], n_bootstrap=trials)
        self.equal(found["signature"], theirs.get_signature().format(), metric)
        self.equal(found["confidence_mean"], float(expected._mean), metric, 1e-10)
        self.equal(found["confidence_var"], float(expected._ci), metric)

    def text(self) -> None:
        """What the two programs print for one system."""
        options = ["-m", "bleu", "chrf", "ter", "-w", "3", "--chrf-word-order", "2"]
        system, reference = str(self.files[1][0]), str(self.files[0][0])
        ours = subprocess.run([self.program, "compare", system, "--reference", reference, *options], check=True, capture_output=True)
        command = [sys.executable, "-m", "sacrebleu", reference, "-i", system, "--format", "text", *options]
        theirs = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "NO_COLOR": "1"})
        self.equal(ours.stdout.decode(), theirs.stdout.decode(), "text")

    def all(self, every: bool) -> None:
        counts = range(1, len(self.references) + 1)
        self.text()
        for metric, references in itertools.product(CLASSES, counts):
            few = metric == "ter" and not every
            for options in product(metric):
                if every or references == 1 or options in one_by_one(metric):
                    self.scores(metric, options, references, 1 if few else None)
            for options in one_by_one(metric)[: 1 if few else None]:
                self.sentences(metric, options, references)
            if len(self.systems) > 1:
                self.tests(metric, product(metric)[0], references, "bs", 1000)
                self.tests(metric, product(metric)[0], references, "ar", 1000)
            self.interval(metric, 1000)


def corpora() -> list[tuple[list[pathlib.Path], list[pathlib.Path]]]:
    wmt, mozilla = DATA / "wmt21-de-en", DATA / "mozilla-evals-de-en"
    return [
        ([wmt / "newstest2021.de-en.ref.A.en", wmt / "newstest2021.de-en.ref.B.en"], sorted(wmt.glob("*.hyp.*.en"))),
        ([mozilla / "flores-dev.en"], sorted(path for path in mozilla.glob("flores-dev.*.en") if path.name != "flores-dev.en")),
        # Text in another script order: English against Vietnamese shares names and numbers.
        ([DATA / "ntrex/ntrex-dev.vi"], [DATA / "ntrex/ntrex-dev.en", DATA / "ntrex/ntrex-dev.de"]),
        ([DATA / "tatoeba-deu-vie/tatoeba-test-v2021-08-07.vie"], [DATA / "tatoeba-deu-vie/tatoeba-test-v2021-08-07.deu"]),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target/debug/dolmetsch"))
    parser.add_argument("--all", action="store_true", help="TER of all systems, all options with several references")
    parser.add_argument("--lines", type=int)
    parser.add_argument("--reference", type=pathlib.Path, action="append", default=[])
    parser.add_argument("systems", type=pathlib.Path, nargs="*")
    options = parser.parse_args()
    if options.systems:
        chosen = [(options.reference, options.systems)]
    elif DATA.is_dir():
        chosen = corpora()
    else:
        print(f"skipped: {DATA} is not there", file=sys.stderr)
        return 0
    os.environ["SACREBLEU_SEED"] = "12345"
    checkers = [Checker(options.program, files, options.lines) for files in chosen]
    for checker in checkers:
        checker.all(options.all)
    checked, failed = (sum(getattr(checker, key) for checker in checkers) for key in ("checked", "failed"))
    print(f"{checked} values compared with sacreBLEU, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
