import dagster as dg

from trace_clustering.artifacts.ingestion import DocumentEmbeddings, TraceSummaries
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.day import list_traces, take_columns
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.documents.embedder import Embedder
from trace_clustering.ingestion.embed import EmbedReport, embed_traces
from trace_clustering.orchestration.jobs import INGESTION_GROUP
from trace_clustering.orchestration.team_settings import load_embedder_of_team


@clustering_asset(
    makes=DocumentEmbeddings,
    kinds={"clickhouse"},
    code_version="1",
    retry_policy=THREE_ATTEMPTS,
    group=INGESTION_GROUP,
)
def document_embeddings(
    context: dg.AssetExecutionContext,
    trace_summaries: TraceSummaries,
    clickhouse: ClickHouse,
    embedder: Embedder,
) -> dg.MaterializeResult[DocumentEmbeddings]:
    """A vector of each summary of the day, by one model, stored where `embeddings` reads.

    Only summaries without a vector of this model are embedded; what was embedded before a fault stays.
    """
    provenance = trace_summaries.provenance
    traces = list_traces(trace_summaries)
    report, model_name, figures = EmbedReport(), "", {}
    # What was summarized is embedded. Files of earlier versions do not say so, and had no automation.
    with_automation = provenance.settings.get("automation", "leave_out") != "leave_out"
    if any(with_automation or not trace.is_automation for trace in traces):  # no model is loaded for nothing
        texts = embedder.load(load_embedder_of_team(provenance.team_id), log=context.log)
        report = embed_traces(clickhouse, provenance.team_id, traces, texts, with_automation=with_automation)
        model_name = texts.model_name
        figures = texts.list_figures()
    context.log.info(f"Embedded {report.embedded} summaries; {report.unchanged} were there")
    return dg.MaterializeResult(
        value=DocumentEmbeddings(
            provenance=provenance, model_name=model_name, **take_columns(trace_summaries)
        ),
        metadata={
            "traces": len(traces),
            "embedded": report.embedded,
            "unchanged": report.unchanged,
            "without_summary": report.unsummarized,
            "model": model_name,
            **figures,
        },
    )
