"""Compares German sentence segmenters on the gold sets: F1, strings passed, speed.

    cargo build --release --bin dolmetsch --example segment_peer
    python3 -m venv VENV && VENV/bin/pip install SoMaJo==2.5.0 pysbd==0.3.4 sentence-splitter==1.4 sentencex==1.0.32
    VENV/bin/python scripts/bench_segmenters.py --shared ../shared [--only NAME...] [--srx segment.srx]

Every segmenter answers the protocol of SHARED/tools/score_segmentation.py, which
scores it; the Python ones through `bench_segmenters.py serve NAME`, the Rust ones
through examples/segment_peer.rs. Each gets its text line by line, since a line
break ends a segment for all of them. `--srx` names LanguageTool's rules, which come
with the source of the srx crate (LGPL, so not here). Figures are F1 in per cent,
unpunctuated ends left out; "s" is the time for the legal set (0.8 MB), start included.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

RUNNING = {
    "GSD": "ud-dev-gsd-dev",
    "LIT": "ud-dev-lit",
    "NTREX": "ud-dev-ntrex",
    "chat/web": "ud-dev-empirist-train",
    "legal": "ud-dev-legal",
}
STRINGS = {
    "tricky": "dev_de",
    "pySBD": "golden-pysbd_de",
    "pragmatic": "golden-pragmatic_de",
    "SoMaJo": "golden-somajo_de",
    "LanguageTool": "golden-languagetool_de",
}


def in_order(line, sentences):
    """Offsets of the ends of `sentences`, which stand in `line` one after the other."""
    end = 0
    for sentence in sentences:
        sentence = sentence.strip()
        start = line.find(sentence, end)
        if sentence and start >= 0:
            end = start + len(sentence)
            yield end


def somajo():
    from somajo import SoMaJo

    tool = SoMaJo("de_CMC", split_camel_case=False, character_offsets=True)

    def ends(line):
        for sentence in tool.tokenize_text([line]):
            yield sentence[-1].character_offset[1]

    return ends


def pysbd():
    from pysbd import Segmenter

    tool = Segmenter(language="de", clean=False)
    return lambda line: in_order(line, tool.segment(line))


def moses():
    from sentence_splitter import SentenceSplitter

    tool = SentenceSplitter(language="de")
    return lambda line: in_order(line, tool.split(line))


def sentencex():
    from sentencex import segment

    return lambda line: in_order(line, segment("de", line))


PYTHON_PEERS = {"SoMaJo": somajo, "pySBD": pysbd, "Moses": moses, "sentencex": sentencex}


def serve(name):
    """Answers {"text": …} lines with {"ends": […]} lines."""
    line_ends = PYTHON_PEERS[name]()
    for request in sys.stdin:
        offset, found = 0, []
        for line in json.loads(request)["text"].split("\n"):
            if line.strip():
                found += [offset + end for end in line_ends(line)]
            offset += len(line) + 1
        print(json.dumps({"ends": found}))


def commands(options):
    here = Path(__file__).resolve()
    release = here.parent.parent / "target/release"
    peer = release / "examples/segment_peer"
    found = {"dolmetsch": [options.dolmetsch or release / "dolmetsch", "segment", "--jsonl"]}
    for name in PYTHON_PEERS:
        found[name] = [sys.executable, here, "serve", name]
    if options.srx:
        found["srx"] = [peer, "srx", options.srx]
    found["ICU4X"] = [peer, "icu"]
    return {name: command for name, command in found.items() if not options.only or name in options.only}


def score(command, options):
    """The cells of a table row, read from the scorer's report."""
    folder = options.shared / "data/segmentation"
    files = [folder / f"{name}.jsonl" for name in (RUNNING | STRINGS).values()]
    scorer = [sys.executable, options.shared / "tools/score_segmentation.py"]
    log = subprocess.run([*scorer, *files, "--", *command], check=True, capture_output=True, text=True).stdout
    report = {fields[0]: fields[1:] for fields in map(str.split, log.splitlines()) if fields}
    running = [report[f"{file}.jsonl"] for file in RUNNING.values()]
    f1 = [100 * float(fields[5]) for fields in running]
    passed = [report[f"{file}.jsonl"][2] for file in STRINGS.values()]
    return [f"{x:.1f}" for x in [*f1, sum(f1) / len(f1)]] + passed + [running[-1][6]]


def main():
    if sys.argv[1:2] == ["serve"]:
        return serve(sys.argv[2])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with data/ and tools/")
    parser.add_argument("--dolmetsch", type=Path, help="the dolmetsch binary (default: target/release/dolmetsch)")
    parser.add_argument("--srx", type=Path, help="LanguageTool's segment.srx")
    parser.add_argument("--only", nargs="*", help="segmenters to run")
    options = parser.parse_args()
    columns = [*RUNNING, "macro", *STRINGS, "s"]
    print("| | " + " | ".join(columns) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name, command in commands(options).items():
        print(f"| {name} | " + " | ".join(score(command, options)) + " |", flush=True)


if __name__ == "__main__":
    main()
