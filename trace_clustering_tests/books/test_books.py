"""The pages name everything a user can set, and their statements are the ones that are tested."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from trace_clustering import environment
from trace_clustering.cli import main
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.definitions import defs
from trace_clustering.documents.embedder import Embedder
from trace_clustering.llm.access import API_KEY, BASE_URL
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.settings import ClusteringSettings, HDBSCANParams
from trace_clustering.orchestration.team_settings import (
    load_llm_of_team,
    load_source_of_team,
    load_team_settings,
)
from trace_clustering.posthog.filter_operators import OPERATORS
from trace_clustering_tests.benchmarks.cases import CASES
from trace_clustering_tests.books.tables import PAGES, PROJECT, fill_tables

TEXTS = {page.relative_to(PROJECT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]
EVERYTHING = "\n".join(TEXTS.values())
PACKAGE = PROJECT / "trace_clustering"

# A path of the project, a module, or a name in a module, as pages write them.
FILES = re.compile(
    r"`((?:trace_clustering|trace_clustering_tests|\.github|\.ci)/[\w./]+|\w+\.(?:py|yaml|toml))`"
)
LINKS = re.compile(r"\]\(([^)#\s]+)(#[^)\s]+)?\)")
SOURCES = [
    path
    for pattern in ("trace_clustering/**/*.py", "trace_clustering_tests/**/*.py", "*.yaml", "*.toml")
    for path in PROJECT.glob(pattern)
]
COMMANDS = re.compile(r"^(?:\.venv/bin/)?trace-clustering (.+)$", re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        *ClusteringSettings.model_fields,
        *HDBSCANParams.model_fields,
        *LLM.model_fields,
        *Embedder.model_fields,
        *ClickHouse.model_fields,
        environment.CLICKHOUSE_DSN,
        environment.TEAM_IDS,
        environment.STORAGE,
        environment.EXECUTOR,
        environment.FIRST_DAY,
        environment.TEAM_SETTINGS,
        API_KEY,
        BASE_URL,
    ],
)
def test_every_setting_is_explained(name: str) -> None:
    assert re.search(rf"\b{re.escape(name)}\b", EVERYTHING)


@pytest.mark.parametrize("page", TEXTS)
def test_the_tables_of_a_page_are_those_of_the_models(page: str) -> None:
    assert TEXTS[page] == fill_tables(TEXTS[page]), "run python -m trace_clustering_tests.books"


@pytest.mark.parametrize("table", ["settings", "llm", "embedder", "alerts", "clickhouse"])
def test_every_table_stands_on_exactly_one_page(table: str) -> None:
    assert EVERYTHING.count(f"<!-- table: {table} -->") == 1


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 180


@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_shown(command: str) -> None:
    assert f"trace-clustering {command}" in README


@pytest.mark.parametrize("line", sorted(set(COMMANDS.findall(EVERYTHING))))
def test_every_shown_command_has_the_options_it_is_shown_with(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)
    offered = CliRunner().invoke(main, [name, "--help"]).output
    assert all(argument.split("=")[0] in offered for argument in arguments if argument.startswith("--"))


def test_every_asset_is_explained() -> None:
    for asset in defs.assets or []:
        assert f"| `{asset.key.to_user_string()}` |" in EVERYTHING


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    for target, _ in LINKS.findall(TEXTS[page]):
        if not target.startswith("https://"):
            assert ((PROJECT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", TEXTS)
def test_every_heading_that_is_linked_exists(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", TEXTS[page]):
        text = ((PROJECT / page).parent / target).read_text(encoding="utf-8") if target else TEXTS[page]
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_that_is_named_exists(page: str) -> None:
    names = {path.name for path in PROJECT.rglob("*") if ".venv" not in path.parts}
    for file in FILES.findall(TEXTS[page]):
        assert (PROJECT / file).exists() if "/" in file else file in names, file


@pytest.mark.parametrize("page", TEXTS)
def test_every_name_that_is_quoted_exists_in_the_code(page: str) -> None:
    words = set(re.findall(r"\w+", "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)))
    quoted = re.findall(r"`(\w+_\w+)(?:\(\))?`", TEXTS[page])
    assert set(quoted) <= words


def test_every_case_of_the_benchmarks_that_is_named_exists() -> None:
    named = re.findall(r"trace_clustering_tests\.benchmarks (\w+)`", EVERYTHING)
    assert {"stability", "recurrence"} <= set(named)
    assert set(named) - {"CASE"} <= set(CASES)


def test_the_map_shows_every_folder_and_every_file_at_the_top() -> None:
    book = TEXTS[".github/CONTRIBUTING.md"]
    for path in PACKAGE.iterdir():
        if path.name.startswith("_") or path.name == "py.typed":
            continue
        assert re.search(rf"\b{re.escape(path.name)}{'/' if path.is_dir() else ''}", book), path.name


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_of_filters_is_explained(operator: str) -> None:
    assert f"`{operator}`" in EVERYTHING


def list_examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", EVERYTHING, re.DOTALL)


def test_the_example_of_filters_is_accepted() -> None:
    (example,) = list_examples("json")
    assert len(ClusteringSettings(trace_filters=json.loads(example)).property_filters()) == 2


# The example of the file of topics is tried in orchestration/test_topic_edits.py.
@pytest.mark.parametrize("example", [text for text in list_examples("yaml") if "merge_into" not in text])
def test_an_example_of_team_settings_is_accepted(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "teams.yaml").write_text(example)
    monkeypatch.setenv(environment.TEAM_SETTINGS, str(tmp_path / "teams.yaml"))
    for team_id in load_team_settings():
        load_llm_of_team(team_id)
        load_source_of_team(team_id)
    assert load_team_settings()
