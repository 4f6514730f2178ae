"""What a sample is drawn from: one trace per session, one per kind of text; every trace has one reason."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from trace_clustering.clickhouse.embeddings import TraceEmbeddings, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.sampling import SampleRules
from trace_clustering_tests.clickhouse.filtered import (
    WINDOW,
    insert_trace,
    switch_team,
)
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings, insert_events, insert_summaries

ONE_PER_SESSION = SampleRules(one_per_session=True)
FOLDED = SampleRules(fold_duplicates=True)
FILTERS = parse_filters([{"key": "$ai_model", "value": "small"}])


def fetch(session: TeamSession, rules: SampleRules, **options: Any) -> TraceEmbeddings:
    return fetch_trace_embeddings_for_clustering(session, WINDOW, rules=rules, **options)


def of_session(session_id: object, **event: Any) -> dict[str, Any]:
    return {**event, "properties": {"$ai_session_id": session_id}}


def order(session: TeamSession, names: Sequence[str]) -> list[str]:
    """Return traces in the order in which they are drawn."""
    statement = "SELECT arrayMap(n -> cityHash64(n, toUInt64(42)), {names:Array(String)}) AS places"
    (row,) = session.query(statement, names=list(names))
    return [name for _, name in sorted(zip(row["places"], names, strict=True))]


def test_the_first_trace_of_each_session_is_drawn_and_traces_without_a_session_stay(
    place: ClickHouse,
) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        for name in ("a1", "a2", "a3"):
            insert_trace(session, name, of_session("a"), of_session("a", event="$ai_trace"))
        insert_trace(session, "b1", of_session("b"))
        insert_trace(session, "n1", of_session(7))
        insert_trace(session, "n2", of_session(7))
        for name, event in (("none", {}), ("null", of_session(None)), ("empty", of_session(""))):
            insert_trace(session, name, event)
        found = fetch(session, ONE_PER_SESSION)
        firsts = {order(session, ["a1", "a2", "a3"])[0], order(session, ["n1", "n2"])[0]}
        assert set(found.trace_ids) == {*firsts, "b1", "none", "null", "empty"}
        assert (found.traces_in_window, found.same_session, found.folded, found.not_sampled) == (9, 3, 0, 0)
        assert found.weights.tolist() == [1] * 6
        assert len(fetch(session, SampleRules()).trace_ids) == 9


def test_events_before_the_window_name_the_session_and_the_earliest_counts(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        before = {"timestamp": WINDOW.start - timedelta(days=7)}
        insert_trace(session, "x", of_session("later"), of_session("s", **before))
        insert_trace(session, "y", of_session("s"), of_session("later", timestamp=NOON + timedelta(hours=1)))
        assert len(fetch(session, ONE_PER_SESSION).trace_ids) == 1


SAME = (
    "Order 4711 of 2025-01-22 for anna@shop.example is late, see https://shop.example/o?id=4711",
    "order 12  of 2024-11-02\nfor B.C@other.example is late, see http://x.example/1 ",
    "ORDER 1,234.5 of 2025-01-22T12:30:00Z for d+e@f.example is late, see www.x.example/a-b",
    "Order 3fa85f64-5717-4562-b3fc-2c963f66afa6 of May 5th, 2025 for a@b.example is late, see https://x.example",
    "Order QX7F2Z of 5 March 2025 for a@b.example is late, see https://x.example",
    "Order 0x1f of ٢٣.٤.٢٠٢٥ for a@b.example is late, see https://x.example",
)
OTHER = (
    "Order is late",
    "The order 4711 of 2025-01-22 is early",
    "Install python3",
    "Install nginx1",
    "ağ 1",
    "ag 1",
)


def test_texts_that_differ_only_in_ids_numbers_and_dates_are_of_one_kind(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        names = [f"same-{n}" for n in range(len(SAME))]
        insert_documents(session, dict(zip(names, SAME, strict=True)))
        insert_documents(session, {f"other-{n}": text for n, text in enumerate(OTHER)})
        found = fetch(session, FOLDED)
        first = order(session, names)[0]
        weights = dict(zip(found.trace_ids.tolist(), found.weights.tolist(), strict=True))
        assert weights == {first: len(SAME), **{f"other-{n}": 1 for n in range(len(OTHER))}}
        assert (found.folded, found.same_session, found.traces_matching) == (5, 0, len(SAME) + len(OTHER))


def insert_documents(session: TeamSession, texts: dict[str, str]) -> None:
    insert_embeddings(session, *({"document_id": name, "content": text} for name, text in texts.items()))


def test_the_summary_is_the_text_where_the_document_has_none(place: ClickHouse) -> None:
    texts = {
        "a": {"title": "Refund 12", "$ai_summary_bullets": [{"text": "Asks for 5 euros", "line_refs": "L1"}]},
        "b": {
            "title": "refund 7",
            "$ai_summary_bullets": [{"text": "asks for 50 euros", "line_refs": "L2, L9"}],
        },
        "c": {"title": "Refund 7", "$ai_summary_bullets": ["Asks for 60 euros"]},
        "d": {"title": "Refund 7", "$ai_summary_bullets": ["Asks for 60 pounds"]},
        "e": {"title": "Refund 7", "$ai_summary_flow_diagram": "a -> b"},
    }
    with place.open_session(1, timeout_seconds=60) as session:
        for name, summary in texts.items():
            insert_embeddings(session, {"document_id": name})
            # The newest of several counts.
            insert_summaries(session, {"id": name, "title": "Draft"}, timestamp=NOON - timedelta(hours=1))
            insert_summaries(session, {"id": name, **summary})
        for name in ("without text", "nor this", "title of nothing"):
            insert_embeddings(session, {"document_id": name})
        insert_summaries(session, {"id": "title of nothing", "title": " "})
        found = fetch(session, FOLDED)
        first = order(session, ["a", "b", "c"])[0]
    assert set(found.trace_ids) == {first, "d", "e", "without text", "nor this", "title of nothing"}
    assert sorted(found.weights.tolist()) == [1, 1, 1, 1, 1, 3]


def test_a_sample_holds_as_many_kinds_as_asked_for(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for name in [f"{kind}{n}" for kind in "abcd" for n in range(4)]:
            insert_embeddings(session, {"document_id": name})
            insert_summaries(session, {"id": name, "title": f"Topic {name[0]} number {name[1]}"})
        found = fetch(session, FOLDED, max_samples=3)
        firsts = [order(session, [f"{kind}{n}" for n in range(4)])[0] for kind in "abcd"]
        assert set(found.trace_ids) == set(order(session, firsts)[:3])
    assert (found.folded, found.not_sampled, found.weights.tolist()) == (12, 1, [4, 4, 4])


@dataclass(frozen=True)
class Drawn:
    """A trace of a made-up window."""

    session: str
    kind: str
    is_automation: bool
    matches: bool


TRACES = st.lists(
    st.builds(
        Drawn,
        session=st.sampled_from(["", "s1", "s2"]),
        kind=st.sampled_from(["", "refund", "invoice", "password"]),
        is_automation=st.booleans(),
        matches=st.sampled_from([True, True, False]),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def teams(shared_place: ClickHouse) -> Iterator[Iterator[TeamSession]]:
    """Sessions of one team after the other, with empty tables."""
    with shared_place.open_session(1, timeout_seconds=60) as session:
        yield (switch_team(session, team_id) for team_id in count(100))


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(
    traces=TRACES,
    max_samples=st.integers(1, 12),
    rules=st.builds(
        SampleRules,
        automation=st.sampled_from(["leave_out", "include", "only"]),
        one_per_session=st.booleans(),
        fold_duplicates=st.booleans(),
    ),
)
def test_every_trace_of_a_window_has_one_reason_and_the_counts_add_up(
    teams: Iterator[TeamSession], traces: list[Drawn], max_samples: int, rules: SampleRules
) -> None:
    session = next(teams)
    named = {f"t{number:02d}": trace for number, trace in enumerate(traces)}
    insert_window(session, named)
    found = fetch(session, rules, filters=FILTERS, max_samples=max_samples)
    expected, sample = draw(order(session, list(named)) if named else [], named, rules, max_samples)
    assert dict(zip(found.trace_ids.tolist(), found.weights.tolist(), strict=True)) == sample
    counts = {
        "not_matching": found.not_matching,
        "automation": found.automation.total,
        "same_session": found.same_session,
        "folded": found.folded,
        "not_sampled": found.not_sampled,
        "sampled": len(found.trace_ids),
    }
    assert counts == {reason: expected[reason] for reason in counts}
    assert found.traces_in_window == found.without_vector + found.unusable + sum(counts.values())


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(
    traces=TRACES,
    before=st.integers(0, 25),
    max_samples=st.integers(1, 12),
    rules=st.sampled_from([SampleRules(), ONE_PER_SESSION, FOLDED]),
)
def test_what_comes_later_brings_no_earlier_trace_into_the_sample(
    teams: Iterator[TeamSession], traces: list[Drawn], before: int, max_samples: int, rules: SampleRules
) -> None:
    session = next(teams)
    named = {f"t{number:02d}": trace for number, trace in enumerate(traces)}
    insert_window(session, dict(list(named.items())[:before]))
    first = set(fetch(session, rules, max_samples=max_samples).trace_ids)
    insert_window(session, dict(list(named.items())[before:]))
    second = set(fetch(session, rules, max_samples=max_samples).trace_ids)
    assert second & set(list(named)[:before]) <= first


def insert_window(session: TeamSession, named: dict[str, Drawn]) -> None:
    if not named:
        return
    insert_embeddings(session, *({"document_id": name} for name in named))
    summaries = [
        {"id": name, "title": f"{t.kind} {n}"} for n, (name, t) in enumerate(named.items()) if t.kind
    ]
    if summaries:
        insert_summaries(session, *summaries)
    events = []
    for name, trace in named.items():
        model = {"$ai_trace_id": name, "$ai_model": "small" if trace.matches else "large"}
        own = {"$ai_session_id": trace.session} if trace.session else {}
        automation = {"$ai_trace_id": name, "$ai_is_automation": trace.is_automation}
        events += [
            {"properties": json.dumps(model | own)},
            {"event": "$ai_trace", "properties": json.dumps(automation)},
        ]
    insert_events(session, *events)


def draw(
    names: Sequence[str], named: dict[str, Drawn], rules: SampleRules, max_samples: int
) -> tuple[Counter[str], dict[str, int]]:
    """Return the reasons and the sample with weights, by going through the traces one after the other."""
    reasons: Counter[str] = Counter()
    sessions: set[str] = set()
    kinds: dict[str, str] = {}
    weights: dict[str, int] = {}
    for name in names:
        trace = named[name]
        kind = trace.kind if rules.fold_duplicates else ""
        if not trace.matches or (rules.automation == "only" and not trace.is_automation):
            reasons["not_matching"] += 1
        elif rules.automation == "leave_out" and trace.is_automation:
            reasons["automation"] += 1
        elif rules.one_per_session and trace.session and trace.session in sessions:
            reasons["same_session"] += 1
        else:
            sessions.add(trace.session)
            if kind and kind in kinds:
                reasons["folded"] += 1
                weights[kinds[kind]] += 1
            else:
                kinds[kind] = name
                weights[name] = 1
    sample = dict(list(weights.items())[:max_samples])
    reasons["sampled"], reasons["not_sampled"] = len(sample), len(weights) - len(sample)
    return reasons, sample


def test_sessions_and_events_of_another_team_are_nobodys_business(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        for name in ("a", "b"):
            insert_trace(session, name)
        other = switch_team(session, 2)
        for name in ("a", "b"):
            insert_trace(other, name, of_session("s"))
            insert_summaries(other, {"id": name, "title": "Same"})
        rules = SampleRules(one_per_session=True, fold_duplicates=True)
        assert len(fetch(session, rules).trace_ids) == 2
        assert len(fetch(other, rules).trace_ids) == 1


def test_properties_that_are_no_json_are_of_no_session(clickhouse: ClickHouse) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for name in ("a", "b"):
            insert_trace(session, name)
            broken = json.dumps({"$ai_trace_id": name, "$ai_session_id": "s"})[:-1]
            insert_events(
                session, {"properties": broken}, {"event": "$ai_trace_summary", "properties": broken}
            )
        rules = SampleRules(one_per_session=True, fold_duplicates=True)
        assert len(fetch(session, rules).trace_ids) == 2
