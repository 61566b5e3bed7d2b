"""Logits of HF transformers for the prompts in a checkpoint's folder.

Reads `prompts.json`, a list of `{"tokens": [..], "mask": [[..]] | null}`, and writes `logits.bin`: for each prompt the size of the vocabulary and then a row of
logits for each token, all as little-endian numbers of 32 bits.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


def logits(model: torch.nn.Module, prompt: dict) -> torch.Tensor:
    tokens = torch.tensor([prompt["tokens"]])
    mask = None
    if prompt["mask"] is not None:
        seen = torch.tensor(prompt["mask"])[None, None]
        mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    return model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[0].float()


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_grad_enabled(False)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    with open(folder / "logits.bin", "wb") as file:
        for prompt in json.loads((folder / "prompts.json").read_text()):
            rows = logits(model, prompt)
            file.write(torch.tensor([float(rows.shape[-1])]).numpy().tobytes())
            file.write(rows.contiguous().numpy().tobytes())


if __name__ == "__main__":
    main()
