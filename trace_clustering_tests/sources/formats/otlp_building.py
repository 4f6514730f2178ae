"""Traces of OTLP from single spans, and what is said in them."""

from collections.abc import Mapping
from typing import Any

from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats.building import build_one
from trace_clustering_tests.sources.formats.otlp_files import make_request

SAID = [("user", "Where is my parcel?"), ("assistant", "It is here.")]


def build(*spans: Mapping[str, Any], **resource: object) -> Trace:
    return build_one(OTLP, make_request(*spans, resource=resource))


def list_said(trace: Trace) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in trace.turns]
