"""Checks the guard: what it finds in damaged translations, what it mends, and what its confidence is worth.

    python scripts/check_guard.py pairs ../shared/data             600 pairs of NTREX, half of them damaged
    python scripts/check_guard.py hard ../shared/data              1,000 hard inputs, guard off and on
    python scripts/check_guard.py confidence ../shared/data        rank correlation with sentence chrF
    python scripts/check_guard.py cost ../shared/data              time of the detectors against that of decoding

`--program` names the binary (default target/release/dolmetsch), `--to` the target language (en or vi) and `--seed` another
draw. The odd documents of NTREX are used unless `--documents even` asks for those that were fitted with
(`scripts/guard/train.py`).
"""

import argparse
import collections
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "guard"))

import damage
from damage import ntrex_halves

WANTED = {
    "number": {"number"},
    "clause": {"coverage", "length"},
    "loop": {"repetition"},
    "negation": {"negation"},
    "any negation": {"negation"},
    "copy": {"copy", "language"},
    "placeholder": {"entity"},
}
"""The flags that name each kind of damage; `negation` is of a source that has one, `any negation` of all sources."""

GERMAN_NEGATION = re.compile(r"\b(?:nicht|nichts|nie|niemals|niemand|kein\w*|ohne|weder)\b", re.I)


def run(program: str, arguments: list[str], lines: list[str]) -> list[dict]:
    """Records of a command that reads lines."""
    done = subprocess.run(
        [program, *arguments], input="".join(f"{line}\n" for line in lines), capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(options, sources: list[str], targets: list[str]) -> list[set[str]]:
    """The flags of each pair."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(f"{target}\n" for target in targets))
        file.flush()
        arguments = ["check", "--source", "-", "--target", file.name, "--to", options.to, "--format", "jsonl"]
        return [set(record["flags"]) for record in run(options.program, arguments, sources)]


def damaged(kind: str, source: str, target: str, language: str, rng: random.Random):
    """The pair with this damage, or `None` where it has nothing to be damaged."""
    if kind == "number":
        worse = damage.change_number(target, rng)
    elif kind == "clause":
        worse = damage.drop_clause(target, rng)
    elif kind == "loop":
        worse = damage.append_loop(target, rng)
    elif kind in ("negation", "any negation"):
        is_meant = kind == "any negation" or GERMAN_NEGATION.search(source)
        worse = damage.remove_negation(target, language, rng) if is_meant else None
    elif kind == "copy":
        worse = source
    else:
        source, _, worse = damage.insert_placeholder(source, target, rng)
    return None if worse is None or kind != "placeholder" and worse == target else (source, worse)


def documents(options) -> list[tuple[str, str]]:
    """The human translations that were asked for."""
    even, odd = ntrex_halves(options.data, "de", options.to)
    return even if options.documents == "even" else odd


def pairs(options):
    """Recall for each kind of damage, false alarms for each flag."""
    rng = random.Random(options.seed)
    human = documents(options)
    made = []
    for kind in WANTED:
        damaged_pairs = [(kind, *worse) for pair in human if (worse := damaged(kind, *pair, options.to, rng))]
        made += rng.sample(damaged_pairs, min(options.pairs // 12, len(damaged_pairs)))
    found = check(options, [s for _, s, _ in made], [t for *_, t in made])
    total, hit, any_flag = collections.Counter(), collections.Counter(), collections.Counter()
    for (kind, source, target), flags in zip(made, found, strict=True):
        total[kind] += 1
        hit[kind] += bool(flags & WANTED[kind])
        any_flag[kind] += bool(flags)
        if options.verbose and not flags & WANTED[kind]:
            print(f"missed {kind}: {source}\n    {target}", file=sys.stderr)
    print(f"{'damage':<12} pairs  recall  any flag")
    for kind in WANTED:
        print(f"{kind:<12} {total[kind]:5}  {hit[kind] / total[kind]:6.3f}  {any_flag[kind] / total[kind]:8.3f}")
    # Placeholders on both sides are right; without them there is nothing to be wrong about.
    whole = [damage.insert_placeholder(*pair, rng)[:2] for pair in rng.sample(human, min(100, len(human)))]
    for name, rest in (("human translations", human), ("of them with placeholders", whole)):
        false_alarms(options, name, rest)


def false_alarms(options, name: str, rest: list[tuple[str, str]]):
    """Prints how many of some human translations are flagged."""
    alarms = check(options, [s for s, _ in rest], [t for _, t in rest])
    counts = collections.Counter(flag for flags in alarms for flag in flags)
    print(f"\nfalse alarms on {len(rest)} {name}")
    for kind, wanted in WANTED.items():
        print(f"{kind:<12} {sum(bool(flags & wanted) for flags in alarms) / len(rest):7.2%}")
    for flag in sorted(set(counts) - set().union(*WANTED.values())):
        print(f"({flag}) {counts[flag] / len(rest):8.2%}")
    if options.verbose:
        for (source, target), flags in zip(rest, alarms, strict=True):
            if flags:
                print(f"alarm {flags}: {source}\n    {target}", file=sys.stderr)


def hard_inputs(data: Path, seed: int) -> list[tuple[str, str]]:
    """1,000 inputs with their kinds: real ones where there are, else made from real sentences."""
    rng = random.Random(seed)
    lines = lambda name: (data / "tests" / name).read_text(encoding="utf-8").split("\n")[:-1]
    news = lines("newstest2019/newstest2019.deu") + lines("wmt21-de-en/newstest2021.de-en.src.de")
    _, ntrex = ntrex_halves(data, "de", "en")
    news += [source for source, _ in ntrex]
    rng.shuffle(news)
    draw = iter(news)
    words = [word.strip(".,;:!?„“\"()") for line in news[:400] for word in line.split()]
    nouns = sorted({word for word in words if word[:1].isupper() and word.isalpha()})
    inputs = []
    heads = [line for line in news if line[-1:].isalpha() and 3 <= len(line.split()) <= 14]
    inputs += [("headline", line) for line in rng.sample(heads, min(150, len(heads)))]
    inputs += [("capitals", next(draw).upper()) for _ in range(180)]
    for _ in range(130):
        items = rng.sample(nouns, rng.randint(3, 12))
        mark = rng.choice(["", "- ", "• ", "1. ", "a) "])
        inputs.append(("list", mark + ", ".join(items)))
    while sum(kind == "fragment" for kind, _ in inputs) < 160:
        pieces = re.split(r"(?<=[,;:])\s|\s(?=und |aber |dass |weil )", next(draw))
        inputs.append(("fragment", rng.choice(pieces)))
    for _ in range(150):
        parts = next(draw).split()
        for _ in range(rng.randint(1, 3)):
            parts.insert(rng.randint(0, len(parts)), rng.choice(["😀", "🔥", "👍🏽", "❤️", "🇩🇪", "➡", "★"]))
        inputs.append(("emoji", " ".join(parts)))
    for _ in range(130):
        numbers = [rng.choice([f"{rng.randint(1, 999)}.{rng.randint(100, 999)},{rng.randint(1, 99)}", f"{rng.randint(1, 99)} %",
                               f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1950, 2025)}", str(rng.randint(1, 10**6)),
                               f"{rng.randint(0, 23)}:{rng.randint(10, 59)}"]) for _ in range(rng.randint(2, 10))]  # fmt: skip
        inputs.append(("numbers", rng.choice([" ", " / ", "; "]).join(numbers)))
    while len(inputs) < 1000:
        long = ""
        while len(long.split()) < 300:
            long += ("" if not long else ", und ") + next(draw).rstrip(".!?\"“ ")
        inputs.append(("300 words", long + "."))
    return inputs


def loops(text: str) -> bool:
    """The same one to eight words three times in a row."""
    words = [word.strip(".,;:!?\"").lower() for word in text.split()]
    return any(
        any(char.isalpha() for word in words[at : at + n] for char in word)
        and words[at : at + n] == words[at + n : at + 2 * n] == words[at + 2 * n : at + 3 * n]
        for n in range(1, 9)
        for at in range(len(words) - 3 * n + 1)
    )


def drops(source: str, target: str) -> bool:
    """Less than half as many words as the source has, of which an English or Vietnamese translation has more."""
    return len(source.split()) >= 6 and len(target.split()) < 0.5 * len(source.split())


def copies(source: str, target: str) -> bool:
    """Four words in a row of the source, two of them in small letters and of three letters or more."""
    source, target = source.split(), f" {' '.join(target.split())} "
    for at in range(len(source) - 3):
        run = source[at : at + 4]
        if sum(word.isalpha() and word.islower() and len(word) >= 3 for word in run) >= 2 and f" {' '.join(run)} " in target:
            return True
    return False


def hard(options):
    """Outputs that loop, drop or copy: by rules of this script, and by the detectors."""
    inputs = hard_inputs(options.data, options.seed)
    sources = [source for _, source in inputs]
    print("guard   loop  drop  copy  any | repetition  length/coverage  copy  any")
    bad = {}
    for guard in ("off", "on"):
        arguments = ["translate", "--model", options.model, "--to", options.to, "--lines", "--format", "jsonl", "--guard", guard]
        targets = [record["target"] for record in run(options.program, arguments, sources)]
        rules = [(loops(t) and not loops(s), drops(s, t), copies(s, t)) for s, t in zip(sources, targets, strict=True)]
        flags = check(options, sources, [" ".join(target.split("\n")) for target in targets])
        found = [("repetition" in f, bool(f & {"length", "coverage"}), "copy" in f) for f in flags]
        bad[guard] = sum(map(any, rules)), sum(map(any, found))
        counts = [sum(row[i] for row in rules) for i in range(3)] + [bad[guard][0]]
        counts += [sum(row[i] for row in found) for i in range(3)] + [bad[guard][1]]
        print("{:<6}{:6}{:6}{:6}{:5} |{:11}{:17}{:6}{:5}".format(guard, *counts), flush=True)
        if options.verbose:
            for (kind, source), target, row in zip(inputs, targets, rules, strict=True):
                if any(row):
                    print(f"{guard} {kind} {row}: {source}\n    {target}", file=sys.stderr)
            print(collections.Counter(k for (k, _), row in zip(inputs, found, strict=True) if any(row)), file=sys.stderr)
    for name, index in (("rules", 0), ("detectors", 1)):
        before, after = bad["off"][index], bad["on"][index]
        print(f"by the {name}: {before} bad outputs become {after}, {1 - after / max(before, 1):.1%} fewer")


def spearman(a: list[float], b: list[float]) -> float:
    """Rank correlation; equal values share their mean rank."""

    def ranks(values: list[float]) -> list[float]:
        order = sorted(range(len(values)), key=values.__getitem__)
        ranked = [0.0] * len(values)
        at = 0
        while at < len(order):
            end = at
            while end < len(order) and values[order[end]] == values[order[at]]:
                end += 1
            for place in order[at:end]:
                ranked[place] = (at + end - 1) / 2
            at = end
        return ranked

    x, y = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    covariance = sum((p - mean) * (q - mean) for p, q in zip(x, y, strict=True))
    spread = lambda values: sum((value - mean) ** 2 for value in values) ** 0.5
    return covariance / (spread(x) * spread(y))


def confidence(options):
    """Spearman's correlation of confidence and of plain log-probability with sentence chrF, on the odd documents."""
    from sacrebleu.metrics import CHRF

    human = documents(options)
    arguments = ["translate", "--model", options.model, "--to", options.to, "--lines", "--format", "jsonl", "--guard", "report"]
    records = run(options.program, arguments, [source for source, _ in human])
    chrf = [CHRF().sentence_score(r["target"], [t]).score for r, (_, t) in zip(records, human, strict=True)]
    print(f"{options.to}: {len(human)} sentences, mean chrF {sum(chrf) / len(chrf):.1f}")
    for name in ("score", "confidence"):
        values = [record[name] for record in records]
        print(f"{name:<12} Spearman with sentence chrF {spearman(values, chrf):.3f}")
    gap = sum(record["confidence"] * 100 - c for record, c in zip(records, chrf, strict=True)) / len(chrf)
    print(f"mean confidence is {gap:+.1f} chrF away from mean chrF")


def cost(options):
    """The detectors' share of decoding time, with one thread."""
    human = documents(options)
    sources = [source for source, _ in human]
    arguments = ["translate", "--model", options.model, "--to", options.to, "--lines", "--format", "jsonl", "--threads", "1"]

    def seconds(action, *values) -> float:
        times = []
        for _ in range(3):
            start = time.process_time_ns()
            children = sum(__import__("os").times()[2:4])
            action(*values)
            times.append(sum(__import__("os").times()[2:4]) - children)
            del start
        return min(times)

    records = run(options.program, [*arguments, "--guard", "off"], sources)
    targets = [record["target"] for record in records]
    start = seconds(check, options, sources[:1], targets[:1])
    detectors = (seconds(check, options, sources * 10, targets * 10) - start) / 10
    decoding = seconds(run, options.program, [*arguments, "--guard", "off"], sources)
    each = 1e6 * detectors / len(sources)
    print(f"detectors: {each:.0f} µs a sentence, {detectors / decoding:.2%} of decoding; the lexicon once: {1000 * start:.0f} ms")
    print(f"with an engine ten times as fast: {10 * detectors / decoding:.2%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["pairs", "hard", "confidence", "cost"])
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("--program", default="target/release/dolmetsch")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--to", default="en", choices=["en", "vi"])
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--documents", default="odd", choices=["odd", "even"])
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--verbose", action="store_true", help="show what was missed on stderr")
    options = parser.parse_args()
    if not options.data.is_dir():
        sys.exit(f"{options.data} is not there: nothing to check with")
    {"pairs": pairs, "hard": hard, "confidence": confidence, "cost": cost}[options.what](options)


if __name__ == "__main__":
    main()
