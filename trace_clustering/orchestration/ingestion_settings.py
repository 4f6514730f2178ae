"""The settings of the assets that ingest the traces of a day."""

from typing import Any, Literal

import dagster as dg

from trace_clustering.documents.redaction import KINDS as REDACTION_KINDS
from trace_clustering.documents.redaction import Kind as RedactionKind
from trace_clustering.documents.summary_options import MAX_INSTRUCTIONS, SummaryOptions
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.declaration import setting


class IngestionSettings(dg.ConfigurableResource[Any]):
    """How traces are redacted and summarized; a part of the settings of a run."""

    redact: list[str] = setting(
        "What is replaced by a placeholder before anything of a trace is stored or sent: email, phone, card "
        "(numbers), key (and tokens).",
        stages=["ingested_traces", "trace_summaries"],
        default=[],
    )
    summaries: Literal["extract", "llm"] = setting(
        "What summarizes ingested traces. extract: the trace's own words. llm: the language model, which "
        "costs money.",
        stages=["trace_summaries"],
        default="extract",
    )
    summary_instructions: str = setting(
        "What the language model is told about summaries in addition.",
        stages=["trace_summaries"],
        default="",
        max_length=MAX_INSTRUCTIONS,
    )
    summary_max_requests: int = setting(
        "Most requests for the summaries of one day; the traces that are left get extracts.",
        stages=["trace_summaries"],
        default=10_000,
        ge=1,
        le=1_000_000,
    )
    summary_max_cost_usd: float | None = setting(
        "Most US dollars for the summaries of one day; it needs the price of the model in `prices` of `llm`.",
        stages=["trace_summaries"],
        default=None,
        gt=0,
    )

    def redaction_kinds(self) -> list[RedactionKind]:
        """Return `redact`, checked: a word that is not known must not leave anything in."""
        if unknown := [kind for kind in self.redact if kind not in REDACTION_KINDS]:
            raise InvalidSettingsError(
                f"settings: redact = {self.redact!r}: there is no kind {unknown[0]!r}; choose among "
                f"{', '.join(REDACTION_KINDS)}"
            )
        return [kind for kind in REDACTION_KINDS if kind in self.redact]

    def summary_options(self) -> SummaryOptions:
        """Return how ingested traces are summarized; they were redacted before."""
        return SummaryOptions(
            method=self.summaries,
            instructions=self.summary_instructions,
            max_requests=self.summary_max_requests,
            max_cost_usd=self.summary_max_cost_usd,
        )
