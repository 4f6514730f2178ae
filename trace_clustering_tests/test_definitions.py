"""The code location loads, fast and complete."""

import subprocess
import sys

import dagster as dg

from trace_clustering.definitions import defs

HEAVY = {
    "umap",
    "sklearn",
    "hdbscan",
    "langgraph",
    "langchain_openai",
    "chdb",
    "clickhouse_connect",
    "matplotlib",
}


def test_everything_resolves() -> None:
    dg.Definitions.validate_loadable(defs)


def test_loading_the_code_location_imports_nothing_heavy() -> None:
    program = "import sys, trace_clustering.definitions; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & HEAVY == set()
