#!/usr/bin/env python3
"""What int8 costs, layer by layer: errors of log-probabilities, and outputs that change.

Simulates the scheme of src/fast/precision.rs in torch: weights in 8 bits with a
scale for each output, activations in 8 bits with a scale and a zero point for
each row. One layer after the other is quantised, then all.

    scripts/quantization_error.py /tmp/dolmetsch-bench/model
    scripts/quantization_error.py models/builtin --text ../shared/data/tests/ntrex/ntrex-dev.de

Without --text the sources and targets are random tokens (seeded), and the table
says how far log-probabilities are off (root mean square over the vocabulary),
with weights, activations and both quantised. With --text, German lines are
translated (beam 4), and the table says how many outputs stay the same.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import MarianMTModel

SENTENCES, SOURCE_TOKENS, TARGET_TOKENS = 16, 26, 28


def quantized_weights(weights, bits):
    largest = 2 ** (bits - 1) - 1
    scale = largest / weights.abs().amax(1, keepdim=True).clamp(min=1e-9)
    return torch.round(weights * scale) / scale


def quantized_rows(rows, bits):
    low, high = (-rows.amin(-1, keepdim=True)).clamp(min=0), rows.amax(-1, keepdim=True).clamp(min=0)
    scale = (2**bits - 2) / (low + high).clamp(min=1e-9)
    return torch.round(rows * scale) / scale


class Quantizer:
    """Quantises some of a model's matrices, and gives them back."""

    def __init__(self, model):
        self.matrices = {name: part for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
        self.weights = {name: part.weight for name, part in self.matrices.items()}

    def apply(self, chosen, bits=8, weights=True, activations=True):
        for name, part in self.matrices.items():
            part._forward_pre_hooks.clear()
            part.weight = self.weights[name]
            if not chosen(name):
                continue
            if weights:  # A new parameter: the output's is the embeddings' as well.
                part.weight = torch.nn.Parameter(quantized_weights(self.weights[name].data, bits))
            if activations:
                part.register_forward_pre_hook(lambda _, inputs: (quantized_rows(inputs[0], bits), *inputs[1:]))


def layers(config):
    """Names and predicates on names of matrices."""
    for side, count in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for index in range(count):
            yield f"{side} layer {index}", lambda name, part=f".{side}.layers.{index}.": part in name
    yield "output", lambda name: name == "lm_head"
    yield "all", lambda name: True


def random_tokens(model):
    """Errors of log-probabilities of random targets."""
    generator = torch.Generator().manual_seed(7)
    tokens = lambda length: torch.randint(2, model.config.vocab_size - 1, (SENTENCES, length), generator=generator)
    inputs = dict(input_ids=tokens(SOURCE_TOKENS), decoder_input_ids=tokens(TARGET_TOKENS))
    log_probs = lambda: model(**inputs).logits.log_softmax(-1)
    quantizer = Quantizer(model)
    exact = log_probs()
    finite = exact > -1e4  # <pad> is masked
    print("| quantised | weights | activations | both |\n| --- | --- | --- | --- |")
    for name, chosen in layers(model.config):
        row = []
        for kinds in ((True, False), (False, True), (True, True)):
            quantizer.apply(chosen, 8, *kinds)
            row.append((log_probs() - exact)[finite].square().mean().sqrt().item())
        print(f"| {name} | " + " | ".join(f"{error:.5f}" for error in row) + " |", flush=True)


def translations(model, folder, text, lines, tag):
    """How many translations stay the same."""
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    unknown, pad = vocabulary["<unk>"], model.config.pad_token_id
    encode = lambda line: [vocabulary.get(piece, unknown) for piece in [tag, *pieces.encode(line, out_type=str), "</s>"]]
    sources = sorted((encode(line) for line in text.read_text().splitlines()[:lines]), key=len)

    def outputs():
        found = []
        for first in range(0, len(sources), 25):
            batch = sources[first : first + 25]
            longest = max(map(len, batch))
            ids = torch.tensor([source + [pad] * (longest - len(source)) for source in batch])
            made = model.generate(input_ids=ids, attention_mask=(ids != pad).long(), num_beams=4, max_length=256)
            found += [[token for token in tokens if token != pad] for tokens in made.tolist()]
        return found

    quantizer = Quantizer(model)
    exact = outputs()
    print(f"| quantised | bits | same outputs of {len(sources)} |\n| --- | --- | --- |")
    cases = [
        ("encoder", lambda name: ".encoder." in name, 8),
        ("decoder", lambda name: ".decoder." in name, 8),
        ("output", lambda name: name == "lm_head", 8),
        ("all but the second matrices of feed-forward blocks", lambda name: "fc2" not in name, 8),
        ("all", lambda name: True, 8),
        ("all", lambda name: True, 10),
        ("all", lambda name: True, 16),
    ]
    for name, chosen, bits in cases:
        quantizer.apply(chosen, bits)
        same = sum(ours == theirs for ours, theirs in zip(outputs(), exact))
        print(f"| {name} | {bits} | {same} ({100 * same / len(sources):.0f} %) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--tag", default=">>eng<<")
    options = parser.parse_args()
    model = MarianMTModel.from_pretrained(options.model).float().eval()
    with torch.no_grad():
        if options.text:
            translations(model, options.model, options.text, options.lines, options.tag)
        else:
            random_tokens(model)


if __name__ == "__main__":
    main()
