"""The tokenizer: byte-level BPE over the dialogues, which cuts words as Qwen 2 does."""

import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from chatml import CONTROL, MARKS, pieces
from dialogues import dialogue

# What GGUF calls `qwen2`.
CUT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SIZE = 2048
TEXTS = 40_000


def train():
    tokenizer = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(CUT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = CONTROL + MARKS
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    marks = sorted(special, key=len, reverse=True)

    def texts():
        for seed in range(TEXTS):
            for text, _ in pieces(dialogue(seed)[1]):
                for mark in marks:
                    text = text.replace(mark, "")
                yield text

    tokenizer.train_from_iterator(texts(), trainer)
    # Marks are no control tokens: whoever decodes a text sees them.
    tokenizer.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in MARKS])
    return tokenizer


if __name__ == "__main__":
    train().save(sys.argv[1])
