"""*Open launchpad* and *Scaffold all default config* of Dagster: what they write changes nothing of a run."""

from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap

from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.definitions import defs
from trace_clustering.documents.embedder import Embedder
from trace_clustering.launchpad import is_given
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering_tests.llm.llm_server import KEY

JOB = defs.resolve_job_def("trace_clustering_job")
NAMES = sorted(defs.resources or {})
DSN = f"https://user:{KEY}@host:8443/other"
OUR_OWN: dict[str, Any] = {
    "settings": ClusteringSettings(lookback_days=3, run_label="nightly"),
    "clickhouse": ClickHouse(dsn=DSN, events_table="our_events"),
    "llm": LLM(api_key=KEY, model="ours", max_requests=7, prices={"ours": {"prompt": 1, "completion": 2}}),
    "embedder": Embedder(kind="endpoint", api_key=KEY, dimensions=256, prefix="query: "),
    "io_manager": ArtifactStorage(base="/our/artifacts"),
}
WITH_VARIABLES = OUR_OWN | {
    "llm": LLM(api_key=dg.EnvVar("TRACE_CLUSTERING_LLM_API_KEY_OURS"), base_url="http://ours:1/v1"),
    "clickhouse": ClickHouse(dsn=dg.EnvVar("DSN_OF_OURS")),
}
RESOURCES = {"as they come": dict(defs.resources or {}), "our own": OUR_OWN, "with variables": WITH_VARIABLES}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the launchpad's defaults could hide."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("TRACE_CLUSTERING_LLM_API_KEY_OURS", KEY)
    monkeypatch.setenv("DSN_OF_OURS", DSN)


def scaffold(job: dg.JobDefinition) -> str:
    """Return what `Open launchpad` shows; the webserver calls the same function for it."""
    snapshot = job.get_job_snapshot()
    schema = snapshot.config_schema_snapshot
    root = schema.get_config_snap(snapshot.mode_def_snaps[0].root_config_key)
    return default_values_yaml_from_type_snap(schema, root)


def run_with(resources: dict[str, Any], config: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
    """Return the fields of each resource, as a run gets them, and the scaffolded configuration.

    Parameters
    ----------
    resources
    config
        Configuration of the run; None: the scaffolded one.
    """
    seen: dict[str, Any] = {}

    @dg.op(required_resource_keys=set(resources))
    def look(context: dg.OpExecutionContext) -> None:
        for name in resources:
            resource = getattr(context.resources, name)
            fields = (
                dict(resource) if isinstance(resource, dg.ConfigurableResource) else {"base": resource.base}
            )
            seen[name] = {field: value for field, value in fields.items() if field != "api_key"}
        seen["connection"] = context.resources.llm.connection()

    @dg.job(resource_defs=resources)
    def job() -> None:
        look()

    text = scaffold(job)
    assert job.execute_in_process(run_config=yaml.safe_load(text) or {} if config is None else config).success
    return seen, text


@pytest.mark.parametrize("resources", RESOURCES.values(), ids=RESOURCES)
def test_what_the_launchpad_fills_in_changes_no_resource_and_shows_no_secret(
    resources: dict[str, Any],
) -> None:
    plain, _ = run_with(resources, {})
    filled_in, text = run_with(resources, None)
    assert filled_in == plain
    assert plain["connection"].api_key.get_secret_value() == KEY
    assert KEY not in text


@pytest.mark.parametrize("resources", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize("mask", ["********", "***", None])
def test_a_masked_secret_stays_what_it_was(resources: dict[str, Any], mask: str | None) -> None:
    plain, _ = run_with(resources, {})
    config = {"llm": {"config": {"api_key": mask}}, "clickhouse": {"config": {"dsn": mask or "****"}}}
    seen, _ = run_with(resources, {"resources": config})
    assert (seen["connection"], seen["clickhouse"]["dsn"]) == (
        plain["connection"],
        plain["clickhouse"]["dsn"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_launchpad_of_the_job_is_valid_and_every_resource_in_it_is_as_it_comes(name: str) -> None:
    text = scaffold(JOB)
    assert "*" not in text
    dg.validate_run_config(JOB, yaml.safe_load(text))
    resource = (defs.resources or {})[name]
    config = yaml.safe_load(text)["resources"].get(name, {}).get("config", {})
    assert type(resource)(**config).model_dump() == resource.model_dump()


def test_no_field_that_is_a_secret_has_a_default() -> None:
    fields = {
        f"{name}.{field}": schema
        for name, resource in (defs.resources or {}).items()
        for field, schema in type(resource).to_config_schema().config_type.fields.items()
    }
    assert {name for name, schema in fields.items() if schema.is_secret} == {
        *("llm.api_key", "embedder.api_key", "clickhouse.dsn"),
    }
    assert not [name for name, schema in fields.items() if schema.is_secret and schema.default_provided]


def test_a_run_that_changes_a_field_keeps_the_others() -> None:
    seen, _ = run_with(OUR_OWN, {"resources": {"llm": {"config": {"max_requests": 9}}}})
    assert (seen["llm"]["max_requests"], seen["llm"]["model"]) == (9, "ours")
    assert seen["connection"].api_key.get_secret_value() == KEY


@pytest.mark.parametrize("resources", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize("more", [{}, {"api_key": "********"}])
def test_an_address_that_a_run_chose_gets_no_key_that_the_run_did_not_give(
    resources: dict[str, Any], more: dict[str, Any]
) -> None:
    config = {"base_url": "http://elsewhere:1/v1", **more}
    seen, _ = run_with(resources, {"resources": {"llm": {"config": config}}})
    assert seen["connection"].base_url == "http://elsewhere:1/v1"
    assert KEY not in seen["connection"].api_key.get_secret_value()


@pytest.mark.parametrize(
    ("value", "given"), [("*", False), ("** ", False), (None, False), ("", True), ("*a", True)]
)
def test_only_null_and_asterisks_are_not_given(value: Any, given: bool) -> None:
    assert is_given(value) is given


def test_without_a_key_what_the_launchpad_fills_in_asks_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    seen, _ = run_with(dict(defs.resources or {}), None)
    assert seen["connection"] is None
