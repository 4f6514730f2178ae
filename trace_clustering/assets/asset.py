"""What the assets have in common: partitions, retries, errors, too little data, checks, metadata."""

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.errors import TraceClusteringError
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.traces.window import iso_time

GROUP = "trace_clustering"
OWNERS = ["team:llm-analytics"]

THREE_ATTEMPTS = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL)  # 1 s and 3 s apart
TWO_ATTEMPTS = dg.RetryPolicy(max_retries=1, delay=5, backoff=dg.Backoff.EXPONENTIAL)  # 5 s apart

Check = Callable[[Any], dg.AssetCheckResult]


def clustering_asset(
    *,
    makes: type[Artifact],
    kinds: set[str],
    code_version: str,
    retry_policy: dg.RetryPolicy,
    checks: Sequence[Check] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset of the pipeline.

    The decorated function returns a `MaterializeResult` whose value is an artifact of the kind that it makes.
    If all artifacts upstream are empty for want of data, the function is not called, and the asset is an
    empty artifact with the same reason. Errors of this project become failures, which are retried only where
    that can help. Every check is called with the artifact, under its own name. The metadata is completed with
    status, window, settings and seconds.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        name = function.__name__

        @functools.wraps(function)
        def materialize(context: dg.AssetExecutionContext, **inputs: Any) -> Any:  # noqa: ANN401
            started = time.perf_counter()
            try:
                empty = _empty_for_want_of_data(makes, name, inputs)
                result = function(context, **inputs) if empty is None else dg.MaterializeResult(value=empty)
            except TraceClusteringError as error:
                raise dg.Failure(str(error), allow_retries=error.retryable) from error
            artifact = result.value
            return result._replace(
                metadata={
                    **_describe_status(artifact),
                    **(result.metadata or {}),
                    "seconds": round(time.perf_counter() - started, 3),
                    **_describe_origin(artifact),
                },
                check_results=[check(artifact)._replace(check_name=check.__name__) for check in checks],
            )

        # Dagster 1.13 reads a result annotation on an asset with checks as "has no value to store".
        signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
        materialize.__signature__ = signature  # type: ignore[attr-defined]
        return dg.asset(
            group_name=GROUP,
            kinds=kinds,
            owners=OWNERS,
            code_version=code_version,
            partitions_def=TEAM_DAY,
            retry_policy=retry_policy,
            check_specs=[dg.AssetCheckSpec(check.__name__, asset=name) for check in checks],
        )(materialize)

    return declare


def _empty_for_want_of_data(makes: type[Artifact], name: str, inputs: dict[str, Any]) -> Artifact | None:
    """Return the empty artifact of an asset, if there was too little data for all artifacts upstream."""
    upstream = [value for value in inputs.values() if isinstance(value, Artifact)]
    if not upstream or not all(artifact.provenance.shortage for artifact in upstream):
        return None
    # The one that is furthest down the graph carries the settings of all before it.
    provenance = max((artifact.provenance for artifact in upstream), key=lambda p: len(p.settings))
    if settings := inputs.get("settings"):
        provenance = provenance.with_settings(settings.of_stage(name))
    return makes.empty(provenance)


def _describe_status(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    reason = {"reason": provenance.shortage} if provenance.shortage else {}
    return {"status": provenance.status, **reason}


def _describe_origin(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    return {
        "run_id": provenance.run_id,
        "window": f"{iso_time(provenance.window.start)} to {iso_time(provenance.window.end)}",
        "settings": provenance.settings,
    }
