"""What all assets have in common: partitions, retries, errors, too little data, checks and metadata."""

import functools
import inspect
import time
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.errors import TraceClusteringError
from trace_clustering.orchestration.jobs import ASSET_GROUP
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.traces.window import iso_time

OWNERS = ["team:llm-analytics"]

THREE_ATTEMPTS = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL)  # after 1 s and 3 s
TWO_ATTEMPTS = dg.RetryPolicy(max_retries=1, delay=5, backoff=dg.Backoff.EXPONENTIAL)  # after 5 s

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

    The decorated function returns a `MaterializeResult` whose value is the asset's artifact. It is not called
    if every artifact upstream is empty: then the asset is an empty artifact with the same reason.

    Parameters
    ----------
    makes : type
        Class of the asset's artifact.
    kinds, code_version
        As Dagster takes them.
    retry_policy : dagster.RetryPolicy
        Has no effect on errors of this project that are not `retryable`.
    checks : sequence of callable
        Each is given the artifact. A check has the name of its function.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        name = function.__name__

        @functools.wraps(function)
        def materialize(context: dg.AssetExecutionContext, **inputs: Any) -> Any:  # noqa: ANN401
            started = time.perf_counter()
            try:
                empty = _make_empty_artifact(makes, name, inputs)
                result = function(context, **inputs) if empty is None else dg.MaterializeResult(value=empty)
            except TraceClusteringError as error:
                raise dg.Failure(str(error), allow_retries=error.retryable) from error
            return _complete_result(result, checks, seconds=time.perf_counter() - started)

        _hide_result_annotation(materialize)
        return dg.asset(
            group_name=ASSET_GROUP,
            kinds=kinds,
            owners=OWNERS,
            code_version=code_version,
            partitions_def=TEAM_DAY,
            retry_policy=retry_policy,
            check_specs=[dg.AssetCheckSpec(check.__name__, asset=name) for check in checks],
        )(materialize)

    return declare


def _make_empty_artifact(makes: type[Artifact], name: str, inputs: dict[str, Any]) -> Artifact | None:
    """Return an empty artifact if all artifacts upstream are empty; None if the asset must be computed."""
    upstream = [value for value in inputs.values() if isinstance(value, Artifact)]
    if not upstream or not all(artifact.provenance.shortage for artifact in upstream):
        return None
    # Each asset adds its settings to those before it, so the longest list belongs to the last asset.
    provenance = max((artifact.provenance for artifact in upstream), key=lambda p: len(p.settings))
    if settings := inputs.get("settings"):
        provenance = provenance.with_settings(settings.of_stage(name))
    return makes.empty(provenance)


def _complete_result(
    result: dg.MaterializeResult[Any], checks: Sequence[Check], *, seconds: float
) -> dg.MaterializeResult[Any]:
    """Add to a result the results of the checks, and the metadata that all assets have."""
    artifact = result.value
    return result._replace(
        metadata={
            **_describe_status(artifact),
            **(result.metadata or {}),
            "seconds": round(seconds, 3),
            **_describe_origin(artifact),
        },
        check_results=[check(artifact)._replace(check_name=check.__name__) for check in checks],
    )


def _hide_result_annotation(function: Callable[..., Any]) -> None:
    """Hide what a function returns: Dagster 1.13 would not store the value of an asset with checks."""
    signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    function.__signature__ = signature  # type: ignore[attr-defined]


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
