"""The decorator of the assets: empty results are passed on, checks are named, errors become failures."""

from dataclasses import dataclass

import dagster as dg
import numpy as np
import pytest

from trace_clustering.artifacts.fields import Artifact, column
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.assets.asset import clustering_asset
from trace_clustering.errors import FaultError, InvalidInputError, TraceClusteringError
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.traces.arrays import IntArray
from trace_clustering_tests.assets.conftest import read_metadata
from trace_clustering_tests.examples import DAY, WINDOW

FULL = Provenance(1, WINDOW, {"run_label": ""})
SHORT = FULL.with_shortage(3, 3)


@dataclass(frozen=True, eq=False, kw_only=True)
class Numbers(Artifact):
    """What the assets of these tests make."""

    numbers: IntArray = column("number", "int64")  # noqa: RUF009


def numbers(provenance: Provenance, *values: int) -> Numbers:
    return Numbers(provenance=provenance, numbers=np.array(values, dtype=np.int64))


def few_numbers(artifact: Numbers) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=len(artifact.numbers) < 2)


def positive_numbers(artifact: Numbers) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=bool((artifact.numbers > 0).all()), metadata={"least": 1})


@pytest.fixture
def calls() -> list[list[int]]:
    """The numbers upstream in every call of the function `reduced_embeddings`."""
    return []


def run(
    calls: list[list[int]], first: Numbers, second: Numbers, error: TraceClusteringError | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize two assets that hold the given numbers, and one after them that puts them together."""
    declare = clustering_asset(
        makes=Numbers, kinds=set(), code_version="1", retry_policy=dg.RetryPolicy(max_retries=1)
    )
    declare_with_checks = clustering_asset(
        makes=Numbers,
        kinds=set(),
        code_version="1",
        retry_policy=dg.RetryPolicy(max_retries=1),
        checks=[few_numbers, positive_numbers],
    )

    def one(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Numbers]:  # noqa: ARG001
        return dg.MaterializeResult(value=first)

    def other(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Numbers]:  # noqa: ARG001
        return dg.MaterializeResult(value=second)

    def reduced_embeddings(
        context: dg.AssetExecutionContext,  # noqa: ARG001
        settings: ClusteringSettings,
        one: Numbers,
        other: Numbers,
    ) -> dg.MaterializeResult[Numbers]:
        calls.append([*one.numbers.tolist(), *other.numbers.tolist()])
        if error is not None:
            raise error
        provenance = one.provenance.with_settings(settings.of_stage("reduced_embeddings"))
        return dg.MaterializeResult(value=numbers(provenance, *calls[-1]), metadata={"sum": sum(calls[-1])})

    return dg.materialize(
        [declare(one), declare(other), declare_with_checks(reduced_embeddings)],
        partition_key=f"{DAY}|1",
        resources={"io_manager": dg.mem_io_manager, "settings": ClusteringSettings()},
        raise_on_error=False,
    )


def test_checks_run_under_their_own_names(calls: list[list[int]]) -> None:
    result = run(calls, numbers(FULL, 1), numbers(FULL, 2))
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {
        "few_numbers": False,
        "positive_numbers": True,
    }
    assert {check.asset_key for check in checks.values()} == {dg.AssetKey("reduced_embeddings")}
    assert checks["positive_numbers"].metadata["least"].value == 1


def test_the_metadata_is_completed(calls: list[list[int]]) -> None:
    metadata = read_metadata(run(calls, numbers(FULL, 1), numbers(FULL, 2)), "reduced_embeddings")
    assert metadata["sum"] == 3
    assert metadata["status"] == "ok"
    assert metadata["run_id"] == FULL.run_id
    assert metadata["window"] == "2025-01-16T00:00:00Z to 2025-01-23T00:00:00Z"
    assert metadata["settings"]["embedding_normalization"] == "l2"
    assert metadata["seconds"] >= 0
    assert "reason" not in metadata


def test_if_everything_upstream_is_empty_so_is_the_asset_and_the_function_is_not_called(
    calls: list[list[int]],
) -> None:
    result = run(calls, Numbers.empty(SHORT), Numbers.empty(SHORT.with_settings({"max_samples": 50})))
    assert result.success
    assert calls == []
    made = result.output_for_node("reduced_embeddings")
    assert isinstance(made, Numbers)
    assert made.numbers.tolist() == []
    assert made.provenance.shortage == SHORT.shortage
    metadata = read_metadata(result, "reduced_embeddings")
    assert metadata["status"] == "insufficient_data"
    assert metadata["reason"] == SHORT.shortage
    # Those of all assets upstream, and its own.
    assert {"run_label": "", "max_samples": 50, "ensemble_size": 10}.items() <= metadata["settings"].items()
    checks = [check.check_name for check in result.get_asset_check_evaluations()]
    assert sorted(checks) == ["few_numbers", "positive_numbers"]


@pytest.mark.parametrize("full_one_first", [True, False])
def test_if_only_some_of_it_is_empty_the_function_decides(
    calls: list[list[int]], full_one_first: bool
) -> None:
    full, empty = numbers(FULL, 7), Numbers.empty(SHORT)
    result = run(calls, *((full, empty) if full_one_first else (empty, full)))
    assert result.success
    assert calls == [[7]]


@pytest.mark.parametrize(
    ("error", "attempts"), [(InvalidInputError("wrong input"), 1), (FaultError("a fault"), 2)]
)
def test_errors_become_failures_that_are_retried_only_if_that_can_help(
    calls: list[list[int]], error: TraceClusteringError, attempts: int
) -> None:
    result = run(calls, numbers(FULL, 1), numbers(FULL, 2), error)
    assert not result.success
    assert len(calls) == attempts
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert str(error) in failure.step_failure_data.error.to_string()
