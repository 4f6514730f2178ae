"""The source of a team is checked at the door; a mistake is named with its value and what to do."""

from typing import Any

import pytest

from trace_clustering.clickhouse.source_tables.trace_source import (
    LangfuseSource,
    OtelSource,
    PostHogSource,
    Variable,
    is_own_table,
    parse_source,
)
from trace_clustering.environment import SOURCE_DSN, read_source_dsn
from trace_clustering.errors import InvalidSettingsError

LANGFUSE = {"kind": "langfuse", "project_id": "p1"}


def test_a_source_has_defaults() -> None:
    assert parse_source(LANGFUSE) == LangfuseSource(kind="langfuse", project_id="p1")
    found = parse_source({"kind": "otel", "service": "shop-bot"})
    assert isinstance(found, OtelSource)
    assert (found.service, found.spans_table, found.database, found.dsn) == (
        ["shop-bot"],
        "otel_traces",
        "",
        None,
    )
    posthog = parse_source({"kind": "posthog", "team_id": 2, "ai_events_table": "ai_events"})
    assert isinstance(posthog, PostHogSource)
    assert (posthog.events_table, posthog.ai_events_table) == ("events", "ai_events")


def test_an_address_is_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    source = parse_source({**LANGFUSE, "dsn": {"env": f"{SOURCE_DSN}_SHOP"}})
    assert source.dsn == Variable(env=f"{SOURCE_DSN}_SHOP")
    monkeypatch.setenv(f"{SOURCE_DSN}_SHOP", " https://u:p@h:8443/db ")
    assert read_source_dsn(source.dsn.env) == "https://u:p@h:8443/db"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(InvalidSettingsError, match=f"The variable {SOURCE_DSN}, .* is not set; set it to"):
        read_source_dsn(SOURCE_DSN)


def test_a_project_that_yaml_reads_as_a_number_is_its_text() -> None:
    source = parse_source({"kind": "langfuse", "project_id": 17})
    assert isinstance(source, LangfuseSource)
    assert source.project_id == "17"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("langfuse", "source must map names of fields to values, not 'langfuse'"),
        ({}, "source.kind = None: choose one of langfuse, langfuse_events, otel, posthog"),
        ({"kind": "phoenix"}, "source.kind = 'phoenix': choose one of langfuse"),
        ({"kind": ["langfuse"]}, r"source.kind = \['langfuse'\]: choose one of"),
        ({"kind": "langfuse"}, "source: project_id is missing; the traces of a team are told from"),
        ({**LANGFUSE, "project_id": ""}, "source: project_id = '': String should have at least 1 character"),
        ({**LANGFUSE, "project": 1}, "source: project = 1: a source of langfuse has no such field"),
        ({**LANGFUSE, "traces_table": "a; b"}, "'a; b' cannot be the name of a ClickHouse table"),
        ({**LANGFUSE, "traces_table": ""}, "'' cannot be the name of a ClickHouse table"),
        ({**LANGFUSE, "database": "a.b"}, "'a.b' cannot be the name of a ClickHouse table or database"),
        ({"kind": "otel"}, "source: service or resource_attribute is missing; the traces of a team"),
        ({"kind": "otel", "service": []}, "source: service or resource_attribute is missing"),
        ({"kind": "otel", "service": [""]}, "source: service.0 = '': String should have at least 1"),
        ({"kind": "otel", "resource_attribute": {"k": ""}}, "source: resource_attribute.k = ''"),
        ({"kind": "otel", "resource_attribute": {"": "v"}}, "source: resource_attribute.*at least 1"),
        ({"kind": "otel", "resource_attribute": {"k": None}}, "source: resource_attribute.k = None"),
        ({"kind": "otel", "resource_attribute": ["k"]}, "source: resource_attribute = "),
        ({"kind": "posthog"}, "source: team_id is missing; the traces of a team"),
        ({"kind": "posthog", "team_id": 0}, "source: team_id = 0: Input should be greater"),
        ({"kind": "posthog", "team_id": "2"}, "source: team_id = '2': Input should be a valid integer"),
        ({"kind": "posthog", "team_id": 2**63}, "source: team_id = 9223372036854775808: "),
    ],
)
def test_a_mistake_is_named_with_its_value(fields: Any, message: str) -> None:
    with pytest.raises(InvalidSettingsError, match=message):
        parse_source(fields)


@pytest.mark.parametrize(
    "dsn",
    [
        "https://u:hunter2@h/db",
        ["hunter2"],
        {"url": "hunter2"},
        {"env": SOURCE_DSN, "password": "hunter2"},
        {"env": 7},
        {"env": None},
    ],
)
def test_an_address_that_is_written_out_is_refused_and_not_shown(dsn: Any) -> None:
    with pytest.raises(InvalidSettingsError, match=f'such as {{"env": "{SOURCE_DSN}"}}') as caught:
        parse_source({**LANGFUSE, "dsn": dsn})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "HOME", f"{SOURCE_DSN}X", f"{SOURCE_DSN}_\n", "https://u:p@h"]
)
def test_a_variable_that_is_meant_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettingsError, match="which is not meant for it; give the address in"):
        parse_source({**LANGFUSE, "dsn": {"env": name}})


@pytest.mark.parametrize(
    ("fields", "is_own"),
    [
        ({"kind": "posthog", "team_id": 7}, True),
        ({"kind": "posthog", "team_id": 7, "database": "db"}, True),
        ({"kind": "posthog", "team_id": 8}, False),
        ({"kind": "posthog", "team_id": 7, "database": "other"}, False),
        ({"kind": "posthog", "team_id": 7, "events_table": "other"}, False),
        ({"kind": "posthog", "team_id": 7, "dsn": {"env": SOURCE_DSN}}, False),
        ({"kind": "langfuse_events", "project_id": "7", "events_table": "events"}, False),
    ],
)
def test_a_source_may_be_the_table_that_the_project_writes_to(fields: Any, is_own: bool) -> None:
    assert is_own_table(parse_source(fields), 7, "db", "events") == is_own
