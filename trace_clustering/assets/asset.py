"""What all assets have in common: partitions, retries, errors, too little data, checks and metadata."""

import dataclasses
import functools
import inspect
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from trace_clustering.artifacts.faults import describe_storage_fault, is_permanent
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.assets.consistency import require_one_origin, trace_lineage
from trace_clustering.errors import TraceClusteringError
from trace_clustering.orchestration.jobs import ASSET_GROUP
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.processes.stopping import end_run_on_interrupt, require_live_run
from trace_clustering.traces.window import format_time

OWNERS = ["team:llm-analytics"]

THREE_ATTEMPTS = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL)  # after 1 s and 3 s
TWO_ATTEMPTS = dg.RetryPolicy(max_retries=1, delay=5, backoff=dg.Backoff.EXPONENTIAL)  # after 5 s

Check = Callable[[Any], dg.AssetCheckResult]
OnShortage = Callable[..., dg.MaterializeResult[Any]]


def clustering_asset(
    *,
    makes: type[Artifact],
    kinds: set[str],
    code_version: str,
    retry_policy: dg.RetryPolicy,
    checks: Sequence[Check] = (),
    on_shortage: OnShortage | None = None,
    group: str = ASSET_GROUP,
    deps: Sequence[dg.AssetDep] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset of the pipeline.

    The decorated function returns a `MaterializeResult` whose value is the asset's artifact. It is not called
    if the artifacts upstream do not belong together, and then the asset fails; nor if all of them are empty:
    then the asset is an empty artifact with the same reason. What it was made from is recorded in it.

    Parameters
    ----------
    makes : type
        Class of the asset's artifact.
    kinds : set of str
        Tags that Dagster shows with the asset, three at most.
    code_version : str
    retry_policy : dagster.RetryPolicy
        How often and how soon an asset that failed is tried again. It holds for errors of this project that
        are `retryable`, and for any other exception.
    checks : sequence of callable
        Each is given the artifact and returns an `AssetCheckResult`. A check is named as its function.
    on_shortage : callable
        Called instead of the function if every artifact upstream is empty, with the context, the empty
        artifact and the resources of the asset; returns the result.
    group : str
        Group of assets in which Dagster shows it.
    deps : sequence of dagster.AssetDep
        Assets whose values are not read, but which must be there first.

    Returns
    -------
    callable
        Turns the function into an asset of the same name.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        return dg.asset(
            group_name=group,
            deps=list(deps),
            kinds=kinds,
            owners=OWNERS,
            code_version=code_version,
            partitions_def=TEAM_DAY,
            retry_policy=retry_policy,
            # Dagster would show the sections of a docstring as headlines.
            description=_read_introduction(function),
            check_specs=[
                dg.AssetCheckSpec(
                    check.__name__, asset=function.__name__, description=_read_introduction(check)
                )
                for check in checks
            ],
        )(_wrap(function, makes, checks, retry_policy, on_shortage))

    return declare


def _wrap(
    function: Callable[..., Any],
    makes: type[Artifact],
    checks: Sequence[Check],
    retry_policy: dg.RetryPolicy,
    on_shortage: OnShortage | None,
) -> Callable[..., Any]:
    """Return the function as Dagster calls it, with what all assets have in common around it."""
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def materialize(context: dg.AssetExecutionContext, **inputs: Any) -> Any:  # noqa: ANN401
        started = time.perf_counter()
        upstream = {name: inputs[name] for name in parameters if isinstance(inputs.get(name), Artifact)}
        with end_run_on_interrupt(context.run.run_id):
            require_live_run(context.instance, context.run.run_id)
            try:
                require_one_origin(upstream)
                empty = _make_empty_artifact(makes, function.__name__, inputs)
                if empty is None:
                    result = function(context, **inputs)
                elif on_shortage is None:
                    result = dg.MaterializeResult(value=empty)
                else:
                    resources = {n: v for n, v in inputs.items() if not isinstance(v, Artifact)}
                    result = on_shortage(context, empty, **resources)
            except dg.Failure:
                raise
            except Exception as error:
                is_last = context.retry_number >= retry_policy.max_retries
                raise _build_failure(error, is_last=is_last) from error
            result = _record_origin(result, upstream, _find_origins(function.__name__, inputs, upstream))
            return _complete_result(result, checks, seconds=time.perf_counter() - started)

    # Dagster 1.13 reads a result annotation on an asset with checks as "has no value to store".
    signature = inspect.signature(function).replace(return_annotation=inspect.Signature.empty)
    materialize.__signature__ = signature  # type: ignore[attr-defined]
    return materialize


def _read_introduction(function: Callable[..., Any]) -> str:
    """Return what stands in a docstring before its first section."""
    return re.split(r"\n\n\w+\n---", inspect.getdoc(function) or "")[0]


def _build_failure(error: Exception, *, is_last: bool) -> dg.Failure:
    """Return the failure of an attempt whose first words are the cause.

    If the last attempt allowed another one, Dagster would begin with "Exceeded max_retries" in place of it.
    """
    if isinstance(error, TraceClusteringError):
        return dg.Failure(str(error), allow_retries=error.retryable and not is_last)
    if isinstance(error, OSError) and is_permanent(error):
        place = str(error.filename or "a folder of this step")
        return dg.Failure(describe_storage_fault(error, place), allow_retries=False)
    return dg.Failure(f"{type(error).__name__}: {error}", allow_retries=not is_last)


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


def _find_origins(name: str, inputs: dict[str, Any], upstream: Mapping[str, Artifact]) -> dict[str, str]:
    """Return where the settings of an asset, and of those before it, were named."""
    origins: dict[str, str] = {}
    for artifact in upstream.values():
        origins |= artifact.provenance.settings_from
    settings = inputs.get("settings")
    return origins | settings.origins_of_stage(name) if settings else origins


def _record_origin(
    result: dg.MaterializeResult[Any], upstream: Mapping[str, Artifact], settings_from: Mapping[str, str]
) -> dg.MaterializeResult[Any]:
    """Record in the artifact of a result which artifacts it was made from, and who chose its settings."""
    artifact = result.value
    provenance = dataclasses.replace(
        artifact.provenance, made_from=trace_lineage(upstream), settings_from=settings_from
    )
    return result._replace(value=dataclasses.replace(artifact, provenance=provenance))


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
        check_results=[_evaluate_check(check, artifact) for check in checks],
    )


def _evaluate_check(check: Check, artifact: Artifact) -> dg.AssetCheckResult:
    result = check(artifact)
    run_id = dg.MetadataValue.text(artifact.provenance.run_id)
    return result._replace(check_name=check.__name__, metadata={**result.metadata, "run_id": run_id})


def _describe_status(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    reason = {"reason": provenance.shortage} if provenance.shortage else {}
    return {"status": provenance.status, **reason}


def _describe_origin(artifact: Artifact) -> dict[str, Any]:
    provenance = artifact.provenance
    label = {"run_label": provenance.run_label} if provenance.run_label else {}
    return {
        "run_id": provenance.run_id,
        **label,
        "window": f"{format_time(provenance.window.start)} to {format_time(provenance.window.end)}",
        "settings": provenance.settings,
        "settings_from": dict(provenance.settings_from),
    }
