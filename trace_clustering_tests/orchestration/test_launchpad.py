"""*Open launchpad* and *Scaffold all default config* of Dagster: what they write changes nothing of a run."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.snap import JobSnap
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap

from trace_clustering.definitions import defs
from trace_clustering.labeling.resource import LLM
from trace_clustering_tests.labeling.llm_server import KEY

RESOURCES = sorted(defs.resources or {})


def scaffold(definitions: dg.Definitions = defs) -> dict[str, Any]:
    """Return what the web server answers when the launchpad is opened."""
    job = JobSnap.from_job_def(definitions.resolve_job_def("trace_clustering_job"))
    schema = job.config_schema_snapshot
    root = schema.get_config_snap(job.mode_def_snaps[0].root_config_key)
    return yaml.safe_load(default_values_yaml_from_type_snap(schema, root))


def list_texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in list_texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", RESOURCES)
def test_no_value_of_the_scaffold_is_a_mask(name: str) -> None:
    config = scaffold()["resources"][name]["config"]
    assert config
    assert not any("***" in text for text in list_texts(config))


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_of_the_scaffold_is_the_resource_without_any_configuration(name: str) -> None:
    resource = (defs.resources or {})[name]
    config = scaffold()["resources"][name]["config"]
    assert type(resource)(**config).model_dump() == resource.model_dump()


def test_the_scaffold_is_a_valid_configuration() -> None:
    dg.validate_run_config(defs.resolve_job_def("trace_clustering_job"), scaffold())


def test_without_a_key_the_scaffold_asks_no_model() -> None:
    config = scaffold()["resources"]["llm"]["config"]
    assert LLM(**config).connection() is None


def test_with_a_key_the_scaffold_sends_that_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = scaffold()["resources"]["llm"]["config"]
    assert LLM(**config).connection().api_key.get_secret_value() == KEY


def test_a_key_that_is_named_by_a_variable_survives_the_scaffold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_OF_MINE", KEY)
    own = dg.Definitions.merge(
        dg.Definitions(assets=defs.assets, jobs=defs.jobs),
        dg.Definitions(
            resources={**(defs.resources or {}), "llm": LLM(api_key=dg.EnvVar("OPENAI_API_KEY_OF_MINE"))}
        ),
    )
    config = scaffold(own)["resources"]["llm"]["config"]
    assert config["api_key"] == {"env": "OPENAI_API_KEY_OF_MINE"}
