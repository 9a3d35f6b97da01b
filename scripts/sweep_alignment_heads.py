"""Alignment error rate of every cross-attention head of a MarianMT model, so that the best is known and not assumed.

    python scripts/sweep_alignment_heads.py MODEL_FOLDER GOLD_FOLDER

GOLD_FOLDER holds dev.de, dev.en (tokenised) and dev.gold.pharaoh (all links sure). The target is forced; each target
word takes the source word that its pieces attend to most. Prints layer, head, shift and AER, tab-separated. Shift 0
reads the attention of the step that outputs a piece, 1 that of the next step, which has the piece as its input.
"""

import sys
from pathlib import Path

import sentencepiece
import torch
import transformers

Links = set[tuple[int, int]]


def pieces_of_words(spm: sentencepiece.SentencePieceProcessor, words: list[str]) -> tuple[list[str], list[int]]:
    """The pieces of a sentence, and the word that each belongs to."""
    pieces = spm.encode(" ".join(words), out_type=str)
    owners, word = [], -1
    for piece in pieces:
        word += piece.count("▁")
        owners.append(min(max(word, 0), len(words) - 1))
    return pieces, owners


def word_links(attention: torch.Tensor, sources: list[int], targets: list[int]) -> Links:
    """attention: [target pieces, source pieces], summed over the pieces of each word."""
    words = torch.zeros(max(targets) + 1, max(sources) + 1)
    for row, target in enumerate(targets):
        words[target].index_add_(0, torch.tensor(sources), attention[row])
    return {(int(words[target].argmax()), target) for target in set(targets)}


def main(model_folder: Path, gold_folder: Path) -> None:
    model = transformers.MarianMTModel.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = transformers.MarianTokenizer.from_pretrained(model_folder)
    source_spm = sentencepiece.SentencePieceProcessor(str(model_folder / "source.spm"))
    target_spm = sentencepiece.SentencePieceProcessor(str(model_folder / "target.spm"))
    ids = tokenizer.convert_tokens_to_ids
    tag = [token for token in (">>eng<<",) if token in tokenizer.get_vocab()]

    lines = [(gold_folder / f"dev.{end}").read_text(encoding="utf-8").splitlines() for end in ("de", "en", "gold.pharaoh")]
    found: dict[tuple[int, int, int], list[int]] = {}
    for source, target, gold_line in zip(*lines, strict=True):
        source_words, target_words = source.split(), target.split()
        gold = {tuple(map(int, link.split("-"))) for link in gold_line.split()}
        gold = {(i, j) for i, j in gold if i < len(source_words) and j < len(target_words)}
        source_pieces, sources = pieces_of_words(source_spm, source_words)
        target_pieces, targets = pieces_of_words(target_spm, target_words)
        inputs = torch.tensor([ids(tag + source_pieces) + [tokenizer.eos_token_id]])
        forced = torch.tensor([[model.config.decoder_start_token_id, *ids(target_pieces)]])
        with torch.no_grad():
            output = model(input_ids=inputs, decoder_input_ids=forced, output_attentions=True)
        for layer, heads in enumerate(output.cross_attentions):
            for head, attention in enumerate(heads[0]):  # [target steps, source pieces]
                for shift in (0, 1):
                    steps = attention[shift : shift + len(targets), len(tag) : len(tag) + len(sources)]
                    links = word_links(steps, sources, targets)
                    counts = found.setdefault((layer, head, shift), [0, 0, 0])
                    for index, count in enumerate((len(links & gold), len(links), len(gold))):
                        counts[index] += count
    for (layer, head, shift), (common, links, gold_links) in found.items():
        print(layer, head, shift, f"{1 - 2 * common / (links + gold_links):.3f}", sep="\t")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
