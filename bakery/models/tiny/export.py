"""Writes a checkpoint as GGUF: matrices in Q8_0, norms in F32, tokenizer and chat template in the header.

    python export.py FOLDER tiny.gguf

`read` is the way back: the model with the numbers that the file has, for measuring and checking.
"""

import argparse
import json
import os

import gguf
import numpy
import torch

from chatml import CONTROL, MARKS, TEMPLATE

LICENSE = "Apache-2.0"


def load(folder):
    """The shape of a checkpoint and its weights, as numpy has them."""
    kept = torch.load(os.path.join(folder, "checkpoint.pt"), weights_only=True)
    return kept["shape"], {name: weight.float().numpy() for name, weight in kept["weights"].items()}


def vocabulary(folder):
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        whole = json.load(file)
    spelled = {number: text for text, number in whole["model"]["vocab"].items()}
    spelled.update({token["id"]: token["content"] for token in whole["added_tokens"]})
    tokens = [spelled[number] for number in range(len(spelled))]
    merges = [" ".join(pair) for pair in whole["model"]["merges"]]
    kind = lambda text: gguf.TokenType.CONTROL if text in CONTROL else gguf.TokenType.USER_DEFINED if text in MARKS else gguf.TokenType.NORMAL
    return tokens, [int(kind(text)) for text in tokens], merges


def write(folder, path):
    shape, weights = load(folder)
    tokens, kinds, merges = vocabulary(folder)
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("tiny")
    writer.add_license(LICENSE)
    writer.add_file_type(int(gguf.LlamaFileType.MOSTLY_Q8_0))
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["hidden"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["inner"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_key_length(shape["head"])
    writer.add_value_length(shape["head"])
    writer.add_rope_freq_base(shape["theta"])
    writer.add_layer_norm_rms_eps(shape["eps"])
    writer.add_vocab_size(shape["vocab"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in weights.items():
        if weight.ndim == 2:
            writer.add_tensor(name, gguf.quantize(weight, gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, weight.astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read(path):
    """The model as the file has it: its decoder with dequantized numbers, and its tokenizer."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    import vocabulary as own
    from decoder import Decoder, Shape

    file = gguf.GGUFReader(path)
    field = lambda name: file.fields[name].contents()
    key = lambda name: field(f"qwen3.{name}")
    tokens = field("tokenizer.ggml.tokens")
    shape = Shape(len(tokens), key("block_count"), key("embedding_length"), key("attention.head_count"), key("attention.head_count_kv"), key("attention.key_length"),
        key("feed_forward_length"), key("context_length"), key("rope.freq_base"), key("attention.layer_norm_rms_epsilon"))
    model = Decoder(shape)
    weights = {tensor.name: torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy()) for tensor in file.tensors}
    model.load_state_dict(weights)
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({text: number for number, text in enumerate(tokens)}, merges))
    cut = pre_tokenizers.Split(Regex(own.CUT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in MARKS])
    return model.eval(), tokenizer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("path")
    args = parser.parse_args()
    write(args.folder, args.path)
    print(f"{args.path}: {os.path.getsize(args.path)} bytes")
