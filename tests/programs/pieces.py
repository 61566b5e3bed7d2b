"""Writes `pie-engine/src/model/source/gguf/sentencepiece.json`: what SentencePiece makes of some texts, for the test that holds our reader of GGUF against it.

    python3 -m venv v && v/bin/pip install sentencepiece==0.2.3
    v/bin/python tests/programs/pieces.py
"""

import io
import json
from pathlib import Path

import sentencepiece

ROOT = Path(__file__).parents[2] / "pie-engine/src/model"
TEXTS = [
    "The cat sat on the mat.", "hello   world", "  two spaces", "a\nb\tc", "é ñ 😀 日本", "12345 and 6.78", "x", "",
    "I don't know what they've done.", "the theory of the thing, there and then", "zzzzqqqq", " leading", "trailing ",
]


def kind(model, token):
    """The number that GGUF has for the type of a token."""
    if model.is_unknown(token):
        return 2
    if model.is_control(token):
        return 3
    if model.is_byte(token):
        return 6
    return 4 if model.id_to_piece(token) == "<|x|>" else 1


def trained(lines, prefix):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=560, model_type="bpe", byte_fallback=True,
        character_coverage=0.9995, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=prefix, split_digits=True, allow_whitespace_only_pieces=True,
        user_defined_symbols=["<|x|>"], minloglevel=2, num_threads=1,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


corpus = (ROOT / "dummy/assets/corpus.txt").read_text().splitlines()
lines = [line for line in corpus if line.strip()][:4000]
written = {}
for name, prefix in (("llama", True), ("gemma", False)):
    model = trained(lines, prefix)
    tokens = range(model.vocab_size())
    written[name] = {
        "prefix": prefix,
        "tokens": [model.id_to_piece(token) for token in tokens],
        "scores": [model.get_score(token) for token in tokens],
        "kinds": [kind(model, token) for token in tokens],
        "texts": [{"text": text, "ids": model.encode(text)} for text in TEXTS],
    }
text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
(ROOT / "source/gguf/sentencepiece.json").write_text(text)
