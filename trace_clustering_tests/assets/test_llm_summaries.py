"""Summaries by a model in the graph: within limits, and a later run goes on where a limit has ended one."""

import json
from collections.abc import Iterator

import pytest

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.assets.conftest import Graph
from trace_clustering_tests.assets.test_ingestion import DAY, ingest, insert, langfuse, make_day  # noqa: F401
from trace_clustering_tests.llm.llm_server import KEY, Call, Fails, LLMServer, Model, Reply, Request, says

WRITTEN = {"title": "Ask about an order", "flow_diagram": "ask", "bullets": [], "interesting_notes": []}


def fails_first() -> Model:
    """A model that refuses the first requests of all threads for a moment, and then writes summaries."""
    left = [Fails(429)] * 3

    def model(_: Request) -> Reply:
        return left.pop() if left else says(Call("write_summary", WRITTEN))

    return model


@pytest.fixture
def server(langfuse: Graph) -> Iterator[LLMServer]:  # noqa: F811
    with LLMServer(fails_first()) as server:
        langfuse.llm = LLM(
            base_url=server.base_url,
            api_key=KEY,
            retry_delay_seconds=0.01,
            prices={"gpt-5.1": {"prompt": 2, "completion": 10}},
        )
        yield server


def fetch_summaries(graph: Graph) -> list[str]:
    with graph.clickhouse.open_session(1, timeout_seconds=60) as session:
        rows = session.query(
            "SELECT properties FROM {events:Identifier} "
            "WHERE team_id = {team_id:Int64} AND event = '$ai_trace_summary'"
        )
    return sorted(json.loads(row["properties"])["$ai_summary_title"] for row in rows)


def test_without_the_setting_no_model_is_asked(langfuse: Graph, server: LLMServer) -> None:  # noqa: F811
    insert(langfuse.clickhouse, make_day(DAY, 2))
    found = ingest(langfuse, DAY)["trace_summaries"]
    assert found["summarized_by"] == {"extract": 2}
    assert server.requests == []


def test_a_later_run_goes_on_where_a_limit_ended_one(
    langfuse: Graph,  # noqa: F811
    server: LLMServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    insert(langfuse.clickhouse, make_day(DAY, 6))
    first = ingest(langfuse, DAY, summaries="llm", summary_max_requests=7)["trace_summaries"]
    assert first["summarized_by"] == {"llm:gpt-5.1": 4, "extract": 2}
    assert first["requests"] == len(server.requests) == 7
    assert list(first["fallbacks"].values()) == [2]
    assert "max_requests = 7" in next(iter(first["fallbacks"]))
    assert first["cost_usd"] > 0
    assert fetch_summaries(langfuse).count("Ask about an order") == 4
    second = ingest(langfuse, DAY, summaries="llm")["trace_summaries"]
    assert (second["summarized_by"], second["unchanged"]) == ({"llm:gpt-5.1": 2}, 4)
    assert fetch_summaries(langfuse) == ["Ask about an order"] * 6
    third = ingest(langfuse, DAY, summaries="llm")["trace_summaries"]
    assert (third["summarized"], third["requests"]) == (0, 0)
    log = capfd.readouterr().err
    assert "gpt-5.1 is asked for 6 traces, about" in log
    assert "trying again" in log
    assert KEY not in log
