"""What the six assets have in common: partitions, retries, errors, metadata."""

import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.errors import TraceClusteringError
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.traces.window import iso_time

GROUP = "trace_clustering"
OWNERS = ["team:llm-analytics"]

# Three attempts, 1 s and 3 s apart; for labels two attempts, 5 s apart.
THREE_ATTEMPTS = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL)
TWO_ATTEMPTS = dg.RetryPolicy(max_retries=1, delay=5, backoff=dg.Backoff.EXPONENTIAL)


def clustering_asset(
    *, kinds: set[str], code_version: str, retry_policy: dg.RetryPolicy, checks: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset of the pipeline.

    The decorated function returns a `MaterializeResult` whose value is an `Artifact`. Around it, errors of
    this project become failures that are retried only where that can help, and the metadata is completed
    with status, window, settings and seconds.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        @functools.wraps(function)
        def materialize(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            started = time.perf_counter()
            try:
                result = function(*args, **kwargs)
            except TraceClusteringError as error:
                raise dg.Failure(str(error), allow_retries=error.retryable) from error
            seconds = time.perf_counter() - started
            return result._replace(metadata=_completed(result.metadata or {}, result.value, seconds))

        # Dagster 1.13 reads a result annotation on an asset with checks as "has no value to store".
        signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
        materialize.__signature__ = signature  # type: ignore[attr-defined]
        asset_name = function.__name__
        return dg.asset(
            group_name=GROUP,
            kinds=kinds,
            owners=OWNERS,
            code_version=code_version,
            partitions_def=TEAM_DAY,
            retry_policy=retry_policy,
            check_specs=[dg.AssetCheckSpec(name, asset=asset_name) for name in checks],
        )(materialize)

    return declare


def _completed(metadata: Mapping[str, Any], artifact: Artifact, seconds: float) -> dict[str, Any]:
    provenance = artifact.provenance
    return {
        "status": provenance.status,
        **({"reason": provenance.shortage} if provenance.shortage else {}),
        **metadata,
        "seconds": round(seconds, 3),
        "run_id": provenance.run_id,
        "window": f"{iso_time(provenance.window.start)} to {iso_time(provenance.window.end)}",
        "settings": provenance.settings,
    }
