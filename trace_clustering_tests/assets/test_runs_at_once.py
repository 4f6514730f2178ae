"""Two runs of one partition at once: their artifacts never mix, and one of them goes on with its own."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.artifacts.parquet import from_parquet
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.assets.asset import clustering_asset
from trace_clustering_tests.examples import DAY, WINDOW

PARTITION = f"{DAY}|1"
STEPS = ("one", "two", "three", "four")


class Pipeline:
    """Four assets that record the name of their run: `two` and `three` are made from `one`, `four` from them.

    In the middle of a step, or between two steps, other runs can be started and waited for.
    """

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.emitted: list[list[str]] = []
        self.meanwhile: dict[tuple[str, str], Callable[[], object]] = {}

    def run(self, name: str, selection: list[str] | None = None) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            self._declare(name),
            selection=selection,
            partition_key=PARTITION,
            instance=self.instance,
            resources={"io_manager": ArtifactStorage(base=str(self.folder))},
            raise_on_error=False,
        )

    def read(self, asset: str) -> list[str]:
        artifact = from_parquet(io.BytesIO((self.folder / asset / DAY / "1.parquet").read_bytes()))
        assert isinstance(artifact, EventReceipt)
        return [str(name) for name in artifact.run_ids]

    def _declare(self, name: str) -> list[dg.AssetsDefinition]:
        declare = clustering_asset(
            makes=EventReceipt, kinds=set(), code_version="1", retry_policy=dg.RetryPolicy(max_retries=2)
        )

        def make(step: str, *inputs: EventReceipt) -> dg.MaterializeResult[EventReceipt]:
            names = [*(str(n) for given in inputs for n in given.run_ids), name]
            self._pause(name, step)
            if step == "four":
                self.emitted.append(names)
            values = np.array(names, dtype=object)
            receipt = EventReceipt(
                provenance=Provenance(1, WINDOW, {"run_label": ""}),
                event_uuids=values,
                run_ids=values,
                outcomes=values,
                payload_bytes=np.zeros(len(names), dtype=np.int64),
            )
            return dg.MaterializeResult(value=receipt)

        def one(context: dg.AssetExecutionContext) -> dg.MaterializeResult[EventReceipt]:  # noqa: ARG001
            return make("one")

        def two(context: dg.AssetExecutionContext, one: EventReceipt) -> dg.MaterializeResult[EventReceipt]:  # noqa: ARG001
            return make("two", one)

        def three(context: dg.AssetExecutionContext, one: EventReceipt) -> dg.MaterializeResult[EventReceipt]:  # noqa: ARG001
            return make("three", one)

        def four(
            context: dg.AssetExecutionContext,  # noqa: ARG001
            two: EventReceipt,
            three: EventReceipt,
        ) -> dg.MaterializeResult[EventReceipt]:
            return make("four", two, three)

        return [declare(function) for function in (one, two, three, four)]

    def _pause(self, name: str, step: str) -> None:
        other = self.meanwhile.pop((name, step), None)
        if other is not None:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path / "base", instance)


def list_failures(result: dg.ExecuteInProcessResult) -> list[str]:
    assert not any(event.is_step_up_for_retry for event in result.all_events)
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [str(failure.user_failure_data.description) for failure in failures]


@pytest.mark.parametrize("step", STEPS)
def test_of_two_runs_one_goes_on_with_its_own_and_the_other_stores_nothing_more(
    pipeline: Pipeline, step: str
) -> None:
    others: list[dg.ExecuteInProcessResult] = []
    pipeline.meanwhile["first", step] = lambda: others.append(pipeline.run("second"))
    first = pipeline.run("first")
    (second,) = others
    assert second.success
    assert all(len(set(names)) == 1 for names in pipeline.emitted)
    winner = "first" if step == "one" else "second"  # the last to store the first asset
    assert {name for asset in STEPS for name in pipeline.read(asset)} == {winner}
    assert first.success == (winner == "first")
    for failure in list_failures(first):
        assert f"Run {second.run_id} has replaced " in failure
        assert f"this run, {first.run_id}, had " in failure


@pytest.mark.parametrize(
    ("step", "remade", "verbs"),
    # `three` is replaced while `two`, which does not need it, is made: `four` finds what another run stored.
    [("three", "one", {"read", "stored"}), ("two", "three", {"stored"}), ("four", "two", {"read"})],
)
def test_one_asset_made_again_meanwhile_is_enough(
    pipeline: Pipeline, step: str, remade: str, verbs: set[str]
) -> None:
    others: list[dg.ExecuteInProcessResult] = []
    assert pipeline.run("zero").success
    pipeline.meanwhile["first", step] = lambda: others.append(pipeline.run("second", [remade]))
    first = pipeline.run("first")
    assert others[0].success
    assert not first.success
    start = (
        f"Run {others[0].run_id} has replaced {remade} of partition {PARTITION} "
        f"after this run, {first.run_id}"
    )
    assert {failure.split(" it: two runs")[0] for failure in list_failures(first)} == {
        f"{start}, had {verb}" for verb in verbs
    }
    assert all(len(set(names)) == 1 for names in pipeline.emitted)


def test_the_same_results_are_not_in_the_way_of_each_other(pipeline: Pipeline) -> None:
    others: list[dg.ExecuteInProcessResult] = []
    pipeline.meanwhile["same", "two"] = lambda: others.append(pipeline.run("same"))
    assert pipeline.run("same").success
    assert others[0].success
    assert all(set(names) == {"same"} for names in pipeline.emitted)
