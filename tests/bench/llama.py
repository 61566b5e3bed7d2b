"""Tokens a second of llama.cpp and of our decoder with the same GGUF file, in turns.

`llama.py quantize FROM TO KIND` writes a file with llama.cpp's own quantization, for example `Q4_K_M`.
`llama.py measure FILE` prints the rates of llama.cpp, in the rows and words of the bench `decoder`.
`llama.py compare FILE DECODER [ROUNDS]` runs both in turns and prints medians and their ratios.
"""

import ctypes
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import llama_cpp as llama

THREADS = 2
STEPS = 16
BESIDE = 8
CONTEXT = 8192


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def silent(_level: int, _text: bytes, _data: object) -> None:
    """Takes what llama.cpp says."""


class Peer:
    """A model of llama.cpp with a cache."""

    def __init__(self, path: str, *, unified: bool) -> None:
        llama.llama_log_set(silent, None)
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
        assert self.model, f"llama.cpp cannot load {path}"
        settings = llama.llama_context_default_params()
        settings.n_ctx = CONTEXT
        settings.n_batch = settings.n_ubatch = 512
        settings.n_threads = settings.n_threads_batch = THREADS
        settings.n_seq_max = BESIDE
        settings.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
        settings.kv_unified = unified
        self.context = llama.llama_init_from_model(self.model, settings)
        assert self.context, "llama.cpp cannot make a context"
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(512, 0, 1)

    def close(self) -> None:
        """Gives the memory back."""
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)

    def clear(self) -> None:
        """Forgets all tokens."""
        llama.llama_memory_clear(self.memory, False)

    def forward(self, sequences: list[int], first: int, count: int) -> None:
        """Computes `count` tokens for each sequence from a position on, and the logits of the last one."""
        for start in range(0, count, 512):
            part = min(512, count - start)
            self.batch.n_tokens = 0
            for sequence in sequences:
                for index in range(start, start + part):
                    at = self.batch.n_tokens
                    self.batch.token[at] = 300 + index % 50
                    self.batch.pos[at] = first + index
                    self.batch.n_seq_id[at] = 1
                    self.batch.seq_id[at][0] = sequence
                    self.batch.logits[at] = index + 1 == count
                    self.batch.n_tokens = at + 1
            assert llama.llama_decode(self.context, self.batch) == 0, "llama.cpp cannot compute the batch"
        llama.llama_synchronize(self.context)

    def prefill(self, count: int) -> float:
        """Seconds for a prompt."""
        self.clear()
        begun = time.perf_counter()
        self.forward([0], 0, count)
        return time.perf_counter() - begun

    def steps(self, sequences: list[int], length: int) -> float:
        """Seconds for single tokens behind so many."""
        for sequence in sequences:
            llama.llama_memory_seq_rm(self.memory, sequence, length, -1)
        begun = time.perf_counter()
        for step in range(STEPS):
            self.forward(sequences, length + step, 1)
        return time.perf_counter() - begun


def median_rate(tokens: int, measure: Callable[[], float], rounds: int) -> float:
    """Tokens a second."""
    measure()
    return statistics.median(tokens / measure() for _ in range(rounds))


def rows(path: str, rounds: int) -> Iterator[tuple[str, float]]:
    """What the bench `decoder` measures."""
    everybody = list(range(BESIDE))
    beside: dict[str, float] = {}
    # With one cache for all sequences, and with one for each: the better one counts.
    for unified in (True, False):
        peer = Peer(path, unified=unified)
        if unified:
            for length in (128, 512):
                yield f"prefill {length}", median_rate(length, lambda: peer.prefill(length), rounds)
            for length in (128, 1024):
                peer.prefill(length)
                yield f"decode @{length}", median_rate(STEPS, lambda: peer.steps([0], length), rounds)
        for name, shared in (("8 on one prefix of 512", True), ("8 with 512 of their own", False)):
            peer.clear()
            if shared:
                peer.forward([0], 0, 512)
                for sequence in everybody[1:]:
                    llama.llama_memory_seq_cp(peer.memory, 0, sequence, -1, -1)
            else:
                for sequence in everybody:
                    peer.forward([sequence], 0, 512)
            rate = median_rate(STEPS * BESIDE, lambda: peer.steps(everybody, 512), rounds)
            beside[name] = max(rate, beside.get(name, 0.0))
        peer.close()
    yield from beside.items()


def measure(path: str) -> None:
    """Prints the rates of llama.cpp."""
    for name, rate in rows(path, int(os.environ.get("ROUNDS", "5"))):
        print(f"{name}: {rate:.1f} tokens/s", flush=True)


def quantize(source: str, target: str, kind: str) -> None:
    """Writes a quantized file."""
    llama.llama_log_set(silent, None)
    settings = llama.llama_model_quantize_default_params()
    settings.nthread = THREADS
    settings.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{kind}")
    status = llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(settings))
    assert status == 0, f"llama.cpp cannot quantize {source}"


def rates(command: list[str]) -> dict[str, float]:
    """The rates that a program prints."""
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "ROUNDS": "1"})
    lines = [line.split(": ") for line in printed.stdout.splitlines() if line.endswith("tokens/s")]
    return {name: float(rate.split()[0]) for name, rate in lines}


def compare(path: str, decoder: str, rounds: int) -> None:
    """Runs both in turns."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(rounds):
        ours.append(rates([decoder, "file", path]))
        theirs.append(rates([sys.executable, __file__, "measure", path]))
    for name in ours[0]:
        if name in theirs[0]:
            our, their = (statistics.median(run[name] for run in runs) for runs in (ours, theirs))
            print(f"{name:26} {our:8.1f} against {their:8.1f} tokens/s: {our / their:.2f}")
    for name in ours[0].keys() - theirs[0].keys():
        print(f"{name:26} {statistics.median(run[name] for run in ours):8.1f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", path]:
            measure(path)
        case ["quantize", source, target, kind]:
            quantize(source, target, kind)
        case ["compare", path, decoder, *rounds]:
            compare(path, decoder, int(rounds[0]) if rounds else 5)
        case _:
            sys.exit(__doc__)
