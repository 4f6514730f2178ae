"""The tables of settings in the pages, made from the models that hold the settings."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trace_clustering.alerts.resource import Alerts
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.documents.embedder import Embedder
from trace_clustering.launchpad import describe_field
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.declaration import describe_bounds
from trace_clustering.orchestration.settings import ClusteringSettings

PROJECT = Path(__file__).parents[2]
PAGES = (
    PROJECT / "README.md",
    PROJECT / ".github" / "CONTRIBUTING.md",
    *sorted((PROJECT / "trace_clustering").rglob("README.md")),
)

_MODELS: dict[str, type[BaseModel]] = {
    "settings": ClusteringSettings,
    "llm": LLM,
    "embedder": Embedder,
    "alerts": Alerts,
    "clickhouse": ClickHouse,
}
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def fill_tables(page: str) -> str:
    """Return a page with every table between its two marks made anew."""
    return _TABLE.sub(lambda found: found[1] + render_table(_MODELS[found[2]]) + found[3], page)


def render_table(model: type[BaseModel]) -> str:
    """Return one line for each field of a model: its name, default and meaning, with its bounds."""
    lines = ["| name | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {_render_default(_read_default(field))} | {_describe(field)} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join(lines) + "\n"


def _read_default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _render_default(default: Any) -> str:
    if default is None or default in ("", [], {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _describe(field: FieldInfo) -> str:
    text, bounds = describe_field(field), describe_bounds(field)
    if bounds and bounds not in text.lower():
        text += f" {bounds[:1].upper()}{bounds[1:]}."
    return text.replace("|", "\\|")
