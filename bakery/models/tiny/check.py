"""Holds the engine's log-probabilities against torch's, for the numbers of the same file.

    python check.py tiny.gguf --bakery target/debug/bakery

The example `logprob-scoring-rust` is run beside `--model tiny.gguf` with some questions and answers. Differences are those of rounding: the engine multiplies with activations of 8 bits and keeps keys and
values in 16.
"""

import argparse
import json
import os
import subprocess

import torch

from chatml import pieces
from export import read

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples/logprob-scoring-rust")
QUESTIONS = [
    ("Is bread baked in an oven?", ["Yes.", "No.", "Perhaps, on a Sunday."]),
    ("What is 3 + 4?", ["3 + 4 = 7", "3 + 4 = 8", "Seven."]),
    ("Greet Ada.", ["Hello, Ada! It is good to see you.", "Hello, Ben! It is good to see you."]),
    ("What is rye?", ["Rye is a grain that grows in cold places and makes dark bread.", "Bread."]),
]
MOST = 0.05  # nats a token


@torch.no_grad()
def expected(model, tokenizer, question, answer):
    """The mean log-probability of an answer's tokens and of what ends it."""
    prompt = "".join(text for text, _ in pieces([("user", question)])) + "<|im_start|>assistant\n"
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    before, own = encode(prompt), encode(answer) + encode("<|im_end|>\n")
    logs = model(torch.tensor([before + own]))[0].log_softmax(-1)
    return sum(logs[len(before) - 1 + at, token].item() for at, token in enumerate(own)) / len(own)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--bakery", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = read(args.path)
    worst = 0.0
    for question, answers in QUESTIONS:
        command = [args.bakery, "run", EXAMPLE, "--quiet", "--model", args.path, "--", "--question", question]
        for answer in answers:
            command += ["--answers", answer]
        for scored in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout):
            own = expected(model, tokenizer, question, scored["answer"])
            difference = abs(own - scored["mean_logprob"])
            worst = max(worst, difference)
            print(f"{scored['mean_logprob']:9.4f} {own:9.4f} {difference:.4f}  {question} {scored['answer']}")
    print(f"the largest difference is {worst:.4f} nats a token")
    assert worst < MOST, "that is more than rounding"


if __name__ == "__main__":
    main()
