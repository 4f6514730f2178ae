import warnings
from typing import Any

import dagster as dg

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.traces import Embeddings
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.embeddings import TraceEmbeddings, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_times
from trace_clustering.constants import DEFAULT_LOOKBACK_DAYS, MIN_TRACES_FOR_CLUSTERING
from trace_clustering.orchestration.partitions import parse_partition_key
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.processes.clock import StepClock
from trace_clustering.traces.arrays import TimeArray

# What a run reads depends on its setting; what Dagster shows is the window of the default length.
_FIRST_DAY_OF_WINDOW = 1 - DEFAULT_LOOKBACK_DAYS
with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)  # of the mapping, which every user would see
    _DAYS_OF_WINDOW = dg.MultiPartitionMapping(
        {
            "date": dg.DimensionPartitionMapping(
                "date", dg.TimeWindowPartitionMapping(start_offset=_FIRST_DAY_OF_WINDOW)
            ),
            "team": dg.DimensionPartitionMapping("team", dg.IdentityPartitionMapping()),
        }
    )


@clustering_asset(
    makes=Embeddings,
    kinds={"clickhouse"},
    code_version="5",
    retry_policy=THREE_ATTEMPTS,
    deps=[dg.AssetDep("document_embeddings", partition_mapping=_DAYS_OF_WINDOW)],
)
def embeddings(
    context: dg.AssetExecutionContext, settings: ClusteringSettings, clickhouse: ClickHouse
) -> dg.MaterializeResult[Embeddings]:
    """The embeddings of the team's traces in the window, one per trace, sorted by trace id.

    If there are more traces than `max_samples`, a random sample of them.
    """
    team_id, window = parse_partition_key(context.partition_key, settings.lookback_days)
    clock = StepClock(settings.compute_timeout(settings.max_samples))
    with clickhouse.open_session(team_id, timeout_seconds=clock) as session:
        found = fetch_trace_embeddings_for_clustering(
            session,
            window,
            max_samples=settings.max_samples,
            documents=DocumentSelection(
                settings.document_type, settings.rendering, settings.embedding_model, settings.job_id
            ),
            filters=settings.property_filters(),
            random_state=settings.random_state,
            rules=settings.sample_rules(),
        )
        trace_times = fetch_trace_times(session, window, found.trace_ids, found.batch_run_ids)
    metadata = {
        **_count_traces(found),
        **({"traces_matching": found.traces_matching} if settings.trace_filters else {}),
    }
    _warn_of_unusable(context, team_id, found)
    provenance = Provenance(team_id, window, settings.of_stage("embeddings"))
    if len(found.trace_ids) < MIN_TRACES_FOR_CLUSTERING:
        lost, apart = found.without_vector + found.unusable, _count_apart(found)
        short = provenance.with_shortage(
            len(found.trace_ids), found.traces_in_window, left_out=lost, apart=apart
        )
        context.log.warning(f"Team {team_id} has too few traces: {short.shortage}")
        empty = Embeddings.empty(
            short, traces_in_window=found.traces_in_window, coverage=_measure_coverage(found)
        )
        return dg.MaterializeResult(value=empty, metadata=metadata)
    context.log.info(f"Read {len(found.trace_ids)} of {found.traces_in_window} traces of team {team_id}")
    value = _build_artifact(provenance, found, trace_times)
    return dg.MaterializeResult(value=value, metadata={**metadata, "dimensions": value.embeddings.shape[1]})


def _build_artifact(provenance: Provenance, found: TraceEmbeddings, trace_times: TimeArray) -> Embeddings:
    return Embeddings(
        provenance=provenance,
        trace_ids=found.trace_ids,
        timestamps=found.timestamps,
        trace_times=trace_times,
        batch_run_ids=found.batch_run_ids,
        embeddings=found.embeddings,
        weights=found.weights,
        traces_in_window=found.traces_in_window,
        embedding_model=found.model,
        coverage=_measure_coverage(found),
    )


def _warn_of_unusable(context: dg.AssetExecutionContext, team_id: int, found: TraceEmbeddings) -> None:
    if lost := found.without_vector + found.unusable:
        context.log.warning(
            f"{lost} of {found.traces_in_window} traces of team {team_id} are left out: "
            f"{found.without_vector} have no vector, {found.unusable} an unusable one; "
            f"among them {', '.join(found.examples)}"
        )


def _measure_coverage(found: TraceEmbeddings) -> dict[str, int]:
    """Return how many traces were left at each stage, and how many were left out for each reason."""
    return {
        "in_window": found.traces_in_window,
        "embedded": found.embedded,
        "matching": found.matching,
        "sampled": len(found.trace_ids),
        **_count_left_out(found),
    }


def _count_left_out(found: TraceEmbeddings) -> dict[str, int]:
    """Return why traces of the window are not in the sample; each trace has one reason."""
    return {
        "without_vector": found.without_vector,
        "unusable": found.unusable,
        "not_matching": found.not_matching,
        **_count_apart(found),
        "not_sampled": found.not_sampled,
    }


def _count_apart(found: TraceEmbeddings) -> dict[str, int]:
    """Return how many traces the rules of the sample leave out."""
    return {
        "automation": found.automation.total,
        "same_session": found.same_session,
        "folded": found.folded,
    }


def _count_traces(found: TraceEmbeddings) -> dict[str, Any]:
    """Return the number of traces that are clustered, and of all that are not, by reason."""
    examples = {"left_out_examples": list(found.examples)} if found.examples else {}
    return {
        "traces": len(found.trace_ids),
        "traces_in_window": found.traces_in_window,
        **_count_left_out(found),
        **examples,
    }
