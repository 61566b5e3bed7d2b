"""Trains the model on dialogues that are made as they are needed, and keeps a checkpoint.

    python train.py --out FOLDER --steps 5000 --cooldown 1200 [--threads N]

What comes out follows from the arguments and torch's own arithmetic. The learning rate is the same for most of the time and falls to nothing over the last steps,
`--cooldown` of them. So who does not know how long a machine will take begins with many steps and writes a file `FOLDER/finish`: the steps of the cooldown begin when it is
there, and the script says which `--steps` would have done the same.
"""

import argparse
import os
import random
import time

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import vocabulary
from chatml import pieces
from decoder import Decoder, Shape
from dialogues import dialogue

POOL = 2048  # dialogues that are sorted by length together
BATCH = 2048  # tokens of a step, with the padding
LONGEST = 1024
OTHERS = 0.1  # share of the tokens that the model does not say itself, and learns nevertheless


def encoded(tokenizer, seed):
    """Tokens of a dialogue, and which of them the model says. Pieces are encoded as the engine does it: text up to the next control token as one."""
    tokens, said = [], []
    for text, own in pieces(dialogue(seed)[1]):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokens += ids
        said += [own] * len(ids)
    return tokens[:LONGEST], said[:LONGEST]


def batches(tokenizer, seed):
    """Endless batches: dialogues of about one length side by side, each from its own beginning, so that none sees another."""
    order = random.Random(seed)
    number = seed * 10_000_000
    while True:
        pool = sorted((encoded(tokenizer, number + at) for at in range(POOL)), key=lambda pair: len(pair[0]))
        number += POOL
        rows, made = [], []
        for pair in pool + [None]:
            longest = len(pair[0]) if pair else 0
            if pair is None or longest * (len(rows) + 1) > BATCH:
                made.append(rows)
                rows = []
            if pair:
                rows.append(pair)
        order.shuffle(made)
        for rows in made:
            longest = max(len(tokens) for tokens, _ in rows)
            padded = lambda values, filling: list(values) + [filling] * (longest - len(values))
            tokens = torch.tensor([padded(tokens, 0) for tokens, _ in rows])
            said = torch.tensor([padded(said, False) for _, said in rows])
            there = torch.tensor([padded([True] * len(tokens), False) for tokens, _ in rows])
            yield tokens, said[:, 1:], there[:, 1:]


@torch.no_grad()
def orthogonal(matrix):
    """The nearest matrix whose singular values are about 1 (Newton and Schulz's iteration with the coefficients of Jordan's Muon)."""
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        y = x @ x.T
        x = 3.4445 * x + (-4.7750 * y + 2.0315 * y @ y) @ x
    return (x.T if tall else x).float()


class Muon:
    """Momentum whose update is made orthogonal, for the matrices of the layers (Jordan et al., 2024)."""

    def __init__(self, weights, rate, momentum=0.95, decay=0.01):
        self.weights, self.rate, self.momentum, self.decay = weights, rate, momentum, decay
        self.past = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self, scale):
        for weight, past in zip(self.weights, self.past):
            past.lerp_(weight.grad, 1 - self.momentum)
            update = orthogonal(weight.grad.lerp(past, self.momentum))
            weight.mul_(1 - self.rate * scale * self.decay)
            weight.add_(update, alpha=-self.rate * scale * max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--cooldown", type=int, default=1200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.02)
    return parser.parse_args()


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "tokenizer.json")
    if not os.path.exists(path):
        vocabulary.train().save(path)
    tokenizer = Tokenizer.from_file(path)
    model = Decoder(Shape(vocab=tokenizer.get_vocab_size()))
    print(f"{sum(weight.numel() for weight in model.parameters())} parameters", flush=True)
    matrices = [weight for name, weight in model.named_parameters() if weight.dim() == 2 and "blk" in name]
    others = [weight for name, weight in model.named_parameters() if weight.dim() != 2 or "blk" not in name]
    muon = Muon(matrices, args.rate)
    adam = torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0)
    began, tokens_seen, running, steps = time.time(), 0, None, args.steps
    for step, (tokens, said, there) in enumerate(batches(tokenizer, args.seed)):
        if step == steps:
            break
        if step + args.cooldown < steps and os.path.exists(os.path.join(args.out, "finish")):
            steps = step + args.cooldown
            print(f"cooling down: this is --steps {steps} --cooldown {args.cooldown}", flush=True)
        scale = min((step + 1) / 50, 1.0, (steps - step) / args.cooldown)
        wanted = said | (there & (torch.rand(said.shape) < OTHERS))
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(inputs, wanted)
        losses = F.cross_entropy(logits.float(), targets[wanted], reduction="none")
        losses.mean().backward()
        muon.step(scale)
        adam.param_groups[0]["lr"] = 3e-3 * scale
        adam.step()
        model.zero_grad()
        tokens_seen += int(there.sum())
        own = losses.detach()[said[wanted]].mean().item()
        running = own if running is None else 0.98 * running + 0.02 * own
        if step % 100 == 99:
            minutes = (time.time() - began) / 60
            print(f"step {step + 1}, {tokens_seen} tokens, {minutes:.1f} min, {time.process_time() / 60:.1f} of a processor, loss of what it says {running:.4f}, rate {scale:.3f}", flush=True)
        if step % 500 == 499:
            save(args.out, model)
    save(args.out, model)
    minutes, computed = (time.time() - began) / 60, time.process_time() / 60
    print(f"done: {steps} steps, {tokens_seen} tokens, {minutes:.1f} min, {computed:.1f} of a processor, loss of what it says {running:.4f}", flush=True)


def save(folder, model):
    path = os.path.join(folder, "checkpoint.pt")
    torch.save({"shape": vars(model.shape), "weights": model.state_dict()}, path + ".new")
    os.replace(path + ".new", path)


if __name__ == "__main__":
    main()
