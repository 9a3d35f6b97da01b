"""BLEU and chrF on the test sets, alignment error, and a check for endless repetition.

    python scripts/train/evaluate.py --model models/builtin --data ../shared/data [--lines 200] [--aer] [--loops]

Decoding is CTranslate2's beam search, scores are sacreBLEU's (13a, chrF2).
"""

import argparse
from pathlib import Path

import sacrebleu

from translate import Translator

TESTS = {
    "newstest2019 de-en": ("newstest2019/newstest2019.deu", "newstest2019/newstest2019.eng", "en"),
    "flores200-dev de-en": ("flores200/dev.de", "flores200/dev.en", "en"),
    "flores200-dev de-vi": ("flores200/dev.de", "flores200/dev.vi", "vi"),
    "flores200-dev en-vi": ("flores200/dev.en", "flores200/dev.vi", "vi"),
    "ntrex-dev de-en": ("ntrex/ntrex-dev.de", "ntrex/ntrex-dev.en", "en"),
    "ntrex-dev de-vi": ("ntrex/ntrex-dev.de", "ntrex/ntrex-dev.vi", "vi"),
    "tatoeba de-vi": (
        "tatoeba-deu-vie/tatoeba-test-v2021-08-07.deu",
        "tatoeba-deu-vie/tatoeba-test-v2021-08-07.vie",
        "vi",
    ),
}
"""Source, reference and target language, below `data/tests`."""


def lines_of(path: Path, limit: int | None = None) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[:limit]


def score(translator: Translator, tests: Path, limit: int | None, beam: int) -> None:
    for name, (source, reference, language) in TESTS.items():
        sources, references = lines_of(tests / source, limit), lines_of(tests / reference, limit)
        outputs = translator.translate(sources, language, beam)
        bleu, chrf = sacrebleu.corpus_bleu(outputs, [references]), sacrebleu.corpus_chrf(outputs, [references])
        print(f"{name}: BLEU {bleu.score:.1f} chrF {chrf.score:.1f} ({len(sources)} lines, beam {beam})", flush=True)


def loops(translator: Translator, data: Path, count: int) -> None:
    """Outputs over three times the source's pieces (floor 8) on headlines and ALL-CAPS lines."""
    short = [line for line in lines_of(data / "tests/ntrex/ntrex-dev.de") if line[-1:] not in '.!?"“']
    news = lines_of(data / "tests/newstest2019/newstest2019.deu")
    short += [line for line in news if line[-1:] not in '.!?"“']
    sources = (short[: count // 3] + [line.upper() for line in short] + [line.upper() for line in news])[:count]
    for language in ("en", "vi"):
        outputs = translator.translate(sources, language)
        size = lambda text: len(translator.pieces.encode(text))
        bad = [(s, o) for s, o in zip(sources, outputs) if size(o) > max(8, 3 * size(s))]
        print(f"loops into {language}: {len(bad)} of {len(sources)}", flush=True)
        for source, output in bad[:3]:
            print(f"  {source}\n  → {output[:200]}")


def alignment_error(model: Path, gold: Path) -> None:
    """Forced decoding; head 0 of the last decoder layer; one source word for each target word."""
    import torch
    from transformers import MarianMTModel, MarianTokenizer

    network = MarianMTModel.from_pretrained(model, attn_implementation="eager", dtype=torch.float32).eval()
    tokenizer = MarianTokenizer.from_pretrained(model)
    start = torch.tensor([[network.config.decoder_start_token_id]])
    found = sure = right = 0
    for source, target, links in zip(*(lines_of(gold / f"dev.{kind}") for kind in ("de", "en", "gold.pharaoh"))):
        source_ids = torch.tensor([tokenizer.convert_tokens_to_ids([">>eng<<", *tokenizer.spm_source.encode(source, out_type=str), "</s>"])])
        target_pieces = tokenizer.spm_target.encode(target, out_type=str)
        target_ids = torch.tensor([tokenizer.convert_tokens_to_ids(target_pieces)])
        with torch.no_grad():
            output = network(
                input_ids=source_ids,
                decoder_input_ids=torch.cat([start, target_ids[:, :-1]], dim=1),
                output_attentions=True,
            )
        attention = output.cross_attentions[-1][0, 0][:, 1:-1]  # [target pieces, source pieces]
        source_word = words_of(tokenizer.spm_source.encode(source, out_type=str))
        target_word = words_of(target_pieces)
        table = torch.zeros(max(target_word) + 1, max(source_word) + 1)
        for i, word in enumerate(target_word):
            table[word].index_add_(0, torch.tensor(source_word), attention[i])
        guess = {(int(row.argmax()), j) for j, row in enumerate(table)}
        points = {tuple(map(int, link.split("-"))) for link in links.split()}
        points = {(i, j) for i, j in points if i < len(source.split()) and j < len(target.split())}
        found, sure, right = found + len(guess), sure + len(points), right + len(guess & points)
    print(f"alignment error rate {1 - 2 * right / (found + sure):.3f} (head 0, last layer)", flush=True)


def words_of(pieces: list[str]) -> list[int]:
    """Number of the word that each piece belongs to."""
    words, number = [], -1
    for index, piece in enumerate(pieces):
        number += piece.startswith("▁") or index == 0
        words.append(number)
    return words


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", type=Path, required=True, help="an exported folder")
    options.add_argument("--data", type=Path, required=True, help="the folder with tests/ and alignment/")
    options.add_argument("--lines", type=int, help="only the first lines of each set; default all")
    options.add_argument("--beam", type=int, default=4)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--max-length", type=int, default=256, help="target pieces; default 256")
    options.add_argument("--aer", action="store_true", help="also the alignment error rate")
    options.add_argument("--loops", action="store_true", help="also 300 headlines and ALL-CAPS lines")
    args = options.parse_args()
    translator = Translator(args.model, args.threads, args.max_length)
    score(translator, args.data / "tests", args.lines, args.beam)
    if args.loops:
        loops(translator, args.data, 300)
    if args.aer:
        alignment_error(args.model, args.data / "alignment")


if __name__ == "__main__":
    main()
