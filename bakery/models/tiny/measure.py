"""Says how often the model is right about dialogues whose names, towns and numbers were kept back from training.

    python measure.py tiny.gguf [--each 50] [--show 2]

Each answer of a dialogue is generated behind what was said before it, with the arg max, by torch with the numbers of the file. It is right if it is the one that the generator has, to the
letter; a story, a joke and a greeting may be any that the generator could have written, so of these it is asked only whether they name whom they should, and end.
"""

import argparse

import torch

from chatml import END, pieces
from dialogues import KINDS, dialogue
from export import read

FIRST_SEED = 1_000_000_000  # training counts from far below
MOST = 160  # tokens of an answer
OPEN = ("story", "short_text", "plain", "greeting")  # there is more than one right answer


@torch.no_grad()
def generate(model, tokenizer, prompt):
    """The answer to a prompt, with its end; cut off after some tokens."""
    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    end, made = tokenizer.token_to_id(END), []
    for _ in range(MOST):
        row = model(torch.tensor([ids + made]), torch.tensor([[False] * (len(ids) + len(made) - 1) + [True]]))[0]
        made.append(int(row.argmax()))
        if made[-1] == end:
            break
    return tokenizer.decode(made, skip_special_tokens=False)


def is_right(kind, prompt, answer, expected):
    if kind not in OPEN:
        return answer == expected
    # A name of the last question, if there is one, comes back.
    asked = prompt.rsplit("<|im_start|>user\n", 1)[-1].split(END)[0]
    names = [word.strip(".,!?") for word in asked.split()[1:] if word[:1].isupper()]
    return answer.endswith(END) and all(name in answer for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--each", type=int, default=50, help="dialogues of each kind")
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print of each kind")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = read(args.path)
    print("| kind | answers | right |\n|---|---|---|")
    for kind in KINDS:
        if kind == "plain":
            continue
        right = count = shown = 0
        for seed in range(FIRST_SEED, FIRST_SEED + args.each):
            prompt = ""
            for text, own in pieces(dialogue(seed, measured=True, kind=kind)[1]):
                if own:
                    answer = generate(model, tokenizer, prompt)
                    good = is_right(kind, prompt, answer, text)
                    right, count = right + good, count + 1
                    if not good and shown < args.show:
                        shown += 1
                        print(f"  {prompt[-200:]!r}\n  expected {text!r}\n  got      {answer!r}")
                prompt += text
        print(f"| {kind} | {count} | {100 * right / count:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
