"""Bytes that atheris makes up, led by which lines of the readers they reach, are read or named.

`python -m trace_clustering_tests.benchmarks.fuzzing FOLDER SECONDS` is the process that the case starts.
"""

import importlib.util
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from trace_clustering_tests.benchmarks.processes import run

SECONDS = 120
# What is read in a process of its own is too slow here.
NAMES = ("a.jsonl", "a.json", "a.csv", "a.jsonl.gz", "a.json.zst")


@dataclass(frozen=True)
class FuzzingRow:
    """One line of the table of fuzzing."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("fuzzing", "files", "seconds", "outcome")

    work: str
    files: int
    seconds: int
    outcome: str

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        return self.work, f"{self.files:,}", str(self.seconds), self.outcome

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


def fuzzing(runs: int, folder: Path, seconds: int = SECONDS) -> Iterator[FuzzingRow]:
    """Every reader but Parquet's, with bytes that atheris makes up for two minutes."""
    del runs
    if importlib.util.find_spec("atheris") is None:
        yield FuzzingRow("atheris", 0, 0, "left out: pip install -e '.[fuzz]'")
        return
    corpus = folder / "corpus"
    corpus.mkdir()
    _write_seeds(corpus)
    module = "trace_clustering_tests.benchmarks.fuzzing"
    measured = run([sys.executable, "-m", module, str(corpus), str(seconds)])
    done = re.search(r"Done (\d+) runs", measured.output)
    if done is None:
        raise RuntimeError(f"The fuzzer did not come to its end:\n{measured.output}")
    yield FuzzingRow("atheris", int(done[1]), seconds, "traces, named bad records or one clean error")


def check_bytes(content: bytes) -> None:
    """Read bytes as a file; the first says as which."""
    from trace_clustering_tests.sources.hostile_values import check_file

    if not content:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAMES[content[0] % len(NAMES)])
        path.write_bytes(content[1:])
        check_file(path)


def _write_seeds(corpus: Path) -> None:
    from trace_clustering_tests.sources.hostile_values import SEEDS
    from trace_clustering_tests.sources.trace_files import PACKINGS, write_csv

    for number, seed in enumerate(SEEDS):
        text = json.dumps(seed).encode()
        contents = [
            text,
            b"[" + text + b"]",
            write_csv([seed]),
            PACKINGS[".gz"](text),
            PACKINGS[".zst"](text),
        ]
        for kind, content in enumerate(contents):
            (corpus / f"{number}_{kind}").write_bytes(bytes([kind]) + content)


def main(corpus: str, seconds: str) -> None:
    """Fuzz until the time is over; an error that is not clean ends the process with its traceback."""
    import atheris

    with atheris.instrument_imports(include=["trace_clustering.sources"]):
        from trace_clustering.sources import read_traces  # noqa: F401 - instrumented when it is imported

    options = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=2048", corpus]
    atheris.Setup([sys.argv[0], *options], check_bytes)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
