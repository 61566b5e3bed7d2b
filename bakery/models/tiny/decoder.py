"""The model: a decoder in the shape of Qwen 3, with the names that `transformers` has for its tensors."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int = 2048
    layers: int = 5
    hidden: int = 192
    heads: int = 6
    kv_heads: int = 2
    head: int = 32
    inner: int = 512
    context: int = 2048
    theta: float = 10_000.0
    eps: float = 1e-6


class Norm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def turned(x, cos, sin):
    one, two = x.chunk(2, -1)
    return x * cos + torch.cat((-two, one), -1) * sin


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        linear = lambda inner, outer: nn.Linear(inner, outer, bias=False)
        self.s = s
        self.attn_q, self.attn_k, self.attn_v = linear(s.hidden, s.heads * s.head), linear(s.hidden, s.kv_heads * s.head), linear(s.hidden, s.kv_heads * s.head)
        self.attn_output = linear(s.heads * s.head, s.hidden)
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(s.hidden, s.inner), linear(s.hidden, s.inner), linear(s.inner, s.hidden)
        self.attn_norm, self.ffn_norm = Norm(s.hidden, s.eps), Norm(s.hidden, s.eps)
        self.attn_q_norm, self.attn_k_norm = Norm(s.head, s.eps), Norm(s.head, s.eps)

    def forward(self, x, cos, sin):
        s, (batch, length, _) = self.s, x.shape
        y = self.attn_norm(x)
        split = lambda z, heads: z.view(batch, length, heads, s.head)
        q = turned(self.attn_q_norm(split(self.attn_q(y), s.heads)).transpose(1, 2), cos, sin)
        k = turned(self.attn_k_norm(split(self.attn_k(y), s.kv_heads)).transpose(1, 2), cos, sin)
        v = split(self.attn_v(y), s.kv_heads).transpose(1, 2)
        shared = s.heads // s.kv_heads
        y = F.scaled_dot_product_attention(q, k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1), is_causal=True)
        x = x + self.attn_output(y.transpose(1, 2).reshape(batch, length, -1))
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


class Decoder(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.hidden)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.hidden, shape.eps)
        angles = torch.arange(shape.context)[:, None] * shape.theta ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.cat((angles, angles), -1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = (2 * shape.layers) ** -0.5 if "output" in name or "down" in name else 1.0
                nn.init.normal_(weight, std=scale * (0.02 if "token" in name else weight.shape[1] ** -0.5 * 0.7))

    def forward(self, tokens, wanted=None):
        """Logits at all places, or at those of a mask."""
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, self.cos[:length], self.sin[:length])
        x = self.output_norm(x)
        return F.linear(x if wanted is None else x[wanted], self.token_embd.weight)
