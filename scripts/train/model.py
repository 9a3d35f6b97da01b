"""A Marian transformer (post-norm, swish, tied embeddings) as a function of two weight tensors, and its losses.

Numbers agree with transformers' `MarianMTModel`; names of weights are its names too, except that query, key and
value (`qkv_proj`) or key and value (`kv_proj`) of a layer lie in one matrix. Matrix products run in bfloat16.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

MAX_POSITIONS = 512


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 256
    ffn: int = 1024
    heads: int = 8
    encoder_layers: int = 6
    decoder_layers: int = 2

    def weights(self) -> dict[str, tuple[int, ...]]:
        """Name and size of every weight but the embedding, in storage order."""
        d, sizes = self.width, {}

        def linear(name, rows, columns):
            sizes[f"{name}.weight"], sizes[f"{name}.bias"] = (rows, columns), (rows,)

        def norm(name):
            sizes[f"{name}.weight"], sizes[f"{name}.bias"] = (d,), (d,)

        for side, layers in (("encoder", self.encoder_layers), ("decoder", self.decoder_layers)):
            for layer in range(layers):
                at = f"{side}.layers.{layer}"
                linear(f"{at}.self_attn.qkv_proj", 3 * d, d)
                linear(f"{at}.self_attn.out_proj", d, d)
                norm(f"{at}.self_attn_layer_norm")
                if side == "decoder":
                    linear(f"{at}.encoder_attn.q_proj", d, d)
                    linear(f"{at}.encoder_attn.kv_proj", 2 * d, d)
                    linear(f"{at}.encoder_attn.out_proj", d, d)
                    norm(f"{at}.encoder_attn_layer_norm")
                linear(f"{at}.fc1", self.ffn, d)
                linear(f"{at}.fc2", d, self.ffn)
                norm(f"{at}.final_layer_norm")
        sizes["final_logits_bias"] = (self.vocabulary,)
        return sizes

    def embedding_size(self) -> int:
        return self.vocabulary * self.width

    def size(self) -> int:
        return self.embedding_size() + sum(torch.Size(size).numel() for size in self.weights().values())


def initial_weights(shape: Shape, seed: int) -> torch.Tensor:
    """[size] float32: the embedding, then the weights in order. Xavier for matrices, as if not fused."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(shape.vocabulary, shape.width, generator=generator) * shape.width**-0.5
    embedding[-1] = 0  # <pad>, which also starts the target
    parts = [embedding.flatten()]
    for name, size in shape.weights().items():
        if len(size) == 2:
            rows = shape.width if "attn" in name else size[0]
            bound = (6 / (rows + size[1])) ** 0.5
            parts.append((torch.rand(size, generator=generator) * 2 - 1).mul_(bound).flatten())
        else:
            parts.append(torch.full(size, 1.0 if name.endswith("norm.weight") else 0.0))
    return torch.cat(parts)


def split_embedding(vector: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """A flat vector as the embedding's part [vocabulary, width] and the rest, flat."""
    embedding, rest = vector.split([shape.embedding_size(), shape.size() - shape.embedding_size()])
    return embedding.view(shape.vocabulary, shape.width), rest


def split_weights(rest: torch.Tensor, shape: Shape) -> dict[str, torch.Tensor]:
    """Views of a flat tensor by name."""
    sizes = shape.weights()
    pieces = rest.split([torch.Size(size).numel() for size in sizes.values()])
    return {name: piece.view(size) for (name, size), piece in zip(sizes.items(), pieces)}


def positions(length: int, width: int) -> torch.Tensor:
    """[length, width] sinusoids, sines in the first half, as transformers computes them."""
    rate = 10000.0 ** (-2.0 * torch.arange(width // 2, dtype=torch.float64) / width)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()


class Dropout:
    """Masks cut at random places from one pool of random bits: the CPU's generator is slow."""

    def __init__(self, rate: float, seed: int, pool: int = 1 << 22):
        self.rate, self.generator = rate, torch.Generator().manual_seed(seed)
        self.pool = (torch.rand(pool, generator=self.generator) >= rate).bfloat16() / (1 - rate)

    def masks(self, shape: Shape, source_rows: int, target_rows: int) -> list[torch.Tensor]:
        """One [rows, width] mask for each use in `Transformer.forward`, in order."""
        rows = [source_rows, target_rows]
        rows += [source_rows] * (2 * shape.encoder_layers) + [target_rows] * (3 * shape.decoder_layers)
        starts = torch.randint((self.pool.numel() - max(rows) * shape.width) // 64, (len(rows),), generator=self.generator)
        return [
            self.pool[start : start + count * shape.width].view(count, shape.width)
            for start, count in zip((starts * 64).tolist(), rows)
        ]


class Transformer:
    """`embedding` [vocabulary, width] float32 and `rest` (all other weights, flat float32) to losses."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.positions = positions(MAX_POSITIONS, shape.width)
        self.causal = torch.full((MAX_POSITIONS, MAX_POSITIONS), -1e4).triu(1).bfloat16()

    def heads(self, x: torch.Tensor, batch: int, parts: int) -> tuple[torch.Tensor, ...]:
        """[batch * len, parts * width] to `parts` of [batch, heads, len, width / heads]."""
        return x.view(batch, -1, parts, self.shape.heads, self.shape.width // self.shape.heads).permute(2, 0, 3, 1, 4)

    def attend(self, q, k, v, bias):
        """Head outputs [batch * tgt_len, width] and scores [batch, heads, tgt_len, src_len]; `bias` hides cells."""
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3) + bias
        return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2).flatten(0, 1), scores

    def embed(self, embedding, ids, gradient=None):
        """[batch, len] to [batch * len, width]; see `Lookup` for `gradient`."""
        x = F.embedding(ids, embedding) if gradient is None else Lookup.apply(embedding, ids, gradient)
        return (x * self.shape.width**0.5 + self.positions[: ids.shape[1]]).bfloat16().flatten(0, 1)

    def forward(self, rest, x, y, batch, source_bias, masks=None):
        """Decoder states [batch * tgt_len, width], the guided head's scores [batch, tgt_len, src_len], output bias.

        `x` and `y` are the embedded source and target, `batch` the number of sentences.
        """
        mask = iter(masks or [])
        dropout = lambda x: x * next(mask) if masks else x
        w = split_weights(rest.bfloat16(), self.shape)
        linear = lambda name, x: F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

        def residual(name, x, change):
            return F.layer_norm(x + dropout(change), x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])

        def feed_forward(at, x):
            return residual(f"{at}.final_layer_norm", x, linear(f"{at}.fc2", F.silu(linear(f"{at}.fc1", x))))

        def self_attention(at, x, bias):
            q, k, v = self.heads(linear(f"{at}.self_attn.qkv_proj", x), batch, 3)
            mixed, _ = self.attend(q, k, v, bias)
            return residual(f"{at}.self_attn_layer_norm", x, linear(f"{at}.self_attn.out_proj", mixed))

        x, y = dropout(x), dropout(y)
        for layer in range(self.shape.encoder_layers):
            at = f"encoder.layers.{layer}"
            x = feed_forward(at, self_attention(at, x, source_bias))
        causal = self.causal[: len(y) // batch, : len(y) // batch]
        for layer in range(self.shape.decoder_layers):
            at = f"decoder.layers.{layer}"
            y = self_attention(at, y, causal)
            (q,) = self.heads(linear(f"{at}.encoder_attn.q_proj", y), batch, 1)
            k, v = self.heads(linear(f"{at}.encoder_attn.kv_proj", x), batch, 2)
            mixed, scores = self.attend(q, k, v, source_bias)
            y = residual(f"{at}.encoder_attn_layer_norm", y, linear(f"{at}.encoder_attn.out_proj", mixed))
            y = feed_forward(at, y)
        return y, scores[:, 0], w["final_logits_bias"]


class Lookup(torch.autograd.Function):
    """Rows of the embedding. The gradient is added to `gradient` [vocabulary, width] in place: a dense tensor for each
    use would cost as much as the network on a small batch."""

    @staticmethod
    def forward(ctx, embedding, ids, gradient):
        ctx.ids, ctx.gradient = ids, gradient
        return F.embedding(ids, embedding)

    @staticmethod
    def backward(ctx, change):
        ctx.gradient.index_add_(0, ctx.ids.flatten(), change.flatten(0, 1))
        return None, None, None


class CandidateCrossEntropy(torch.autograd.Function):
    """Label-smoothed cross-entropy over some of the vocabulary, with its gradient computed in the forward pass.

    Candidates are all targets of the batch, and a sample of the other entries that stands for all of them: each
    sampled entry counts `exp(log_weight)` times in the partition sum and in the smoothing. Never holds
    [tokens, vocabulary] in memory: rows go through in chunks. Adds to `gradient` in place as `Lookup` does.
    """

    CHUNK = 256

    @staticmethod
    def forward(ctx, y, embedding, gradient, bias, candidates, log_weight, target, smoothing):
        weight = embedding[candidates].bfloat16()  # [candidates, width]
        offset = bias[candidates] + log_weight
        smooth = (log_weight.exp() * (smoothing / log_weight.exp().sum())).float()  # [candidates], sums to smoothing
        grad_y, grad_w, grad_b, loss = torch.empty_like(y), torch.zeros_like(weight), torch.zeros(len(weight)), 0.0
        for start in range(0, len(y), CandidateCrossEntropy.CHUNK):
            rows = slice(start, start + CandidateCrossEntropy.CHUNK)
            logits = F.linear(y[rows], weight).float().add_(offset.float())  # [rows, candidates]
            log_sum = logits.logsumexp(1, keepdim=True)
            here = target[rows, None]
            plain = logits - log_weight
            loss += float((log_sum - (1 - smoothing) * plain.gather(1, here)).sum() - (plain @ smooth).sum())
            probability = logits.sub_(log_sum).exp_()
            probability.sub_(smooth)
            probability.scatter_add_(1, here, torch.full_like(here, smoothing - 1, dtype=torch.float32))
            probability.div_(len(y))
            grad_b += probability.sum(0)
            probability = probability.bfloat16()
            grad_y[rows] = probability @ weight
            grad_w += probability.T @ y[rows]
        ctx.save_for_backward(grad_y, grad_w, grad_b, candidates)
        ctx.gradient = gradient
        return torch.tensor(loss / len(y))

    @staticmethod
    def backward(ctx, scale):
        grad_y, grad_w, grad_b, candidates = ctx.saved_tensors
        ctx.gradient.index_add_(0, candidates, grad_w.float() * scale)
        grad_bias = torch.zeros(len(ctx.gradient)).index_copy_(0, candidates, grad_b * scale)
        return grad_y * scale.bfloat16(), None, None, grad_bias.bfloat16(), None, None, None, None


def guided_alignment(scores, link_cells, link_share):
    """Mean cross-entropy of the guided head's attention against the links; `scores` [batch, tgt_len, src_len]."""
    log_attention = scores.float().log_softmax(-1).flatten()
    return -(log_attention[link_cells] * link_share).sum() / link_share.sum().clamp(min=1)
