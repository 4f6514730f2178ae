"""Checks that a stored artifact is the one that its reader or writer counts on."""

import dagster as dg
from upath import UPath

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.parquet import read_identity
from trace_clustering.orchestration.partitions import parse_partition_key
from trace_clustering.traces.window import format_time

DIGEST_METADATA = "digest"


def explain_foreign_artifact(artifact: Artifact, kind: object, partition_key: str, label: str) -> str:
    """Return why an artifact that was read is not the one that its path stands for; empty if it is.

    Parameters
    ----------
    artifact : Artifact
    kind : object
        Class that the reader expects, if it expects one.
    partition_key : str
        Team and day that the path stands for.
    label : str
        The `run_label` that the path stands for.
    """
    if isinstance(kind, type) and not isinstance(artifact, kind):
        return f"it holds {type(artifact).__name__}, not {kind.__name__}"
    found = artifact.provenance
    team_id, window = parse_partition_key(partition_key, lookback_days=1)
    if (found.team_id, found.window.end) != (team_id, window.end):
        return (
            f"it was made for team {found.team_id} and the window that ends at "
            f"{format_time(found.window.end)}, so somebody has copied or moved it"
        )
    if found.run_label != label:
        return f"it was made with run_label = {found.run_label!r}, and this run has run_label = {label!r}"
    return ""


def find_digest_of_run(
    instance: dg.DagsterInstance, run_id: str, asset_key: dg.AssetKey, partition_key: str
) -> str | None:
    """Return the digest of the artifact that a run itself has stored; None if it has stored none."""
    digest = None
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = entry.asset_materialization
        if made is not None and made.asset_key == asset_key and made.partition == partition_key:
            stored = made.metadata.get(DIGEST_METADATA)
            digest = str(stored.value) if stored is not None else None
    return digest


def require_own_artifact(context: dg.InputContext, artifact: Artifact) -> None:
    """Check that an artifact is the one that this run has stored, if it has stored one.

    Raises
    ------
    dagster.Failure
        If another run of the same partition has replaced it meanwhile; it is not retried.
    """
    asset_key, run_id = context.asset_key, context.step_context.run_id
    own = find_digest_of_run(context.step_context.instance, run_id, asset_key, context.asset_partition_key)
    if own is not None and own != artifact.digest:
        raise _build_failure(
            f"{asset_key.to_user_string()} of partition {context.asset_partition_key}",
            "stored",
            run_id,
            artifact.provenance.dagster_run_id,
        )


def require_unchanged_inputs(context: dg.OutputContext, artifact: Artifact, path: UPath) -> None:
    """Check, before an artifact is stored, that what it was made from is still there.

    So of two runs of one partition only one goes on: the one that was the last to store the first asset.

    Raises
    ------
    dagster.Failure
        If another run has replaced an artifact that this one was made from; it is not retried.
    """
    for dep in context.asset_spec.deps:
        name = dep.asset_key.to_user_string()
        read = artifact.provenance.made_from.get(name)
        # <base>/<asset>/<date>/<team>.parquet
        source = path.parent.parent.parent / name / path.parent.name / path.name
        if read is None or not source.exists():
            continue
        with source.open("rb") as file:
            identity = read_identity(file)
        if identity is not None and identity[0] != read:
            raise _build_failure(
                f"{name} of partition {context.asset_partition_key}",
                "read",
                context.run_id,
                identity[1].dagster_run_id,
            )


def _build_failure(artifact: str, verb: str, run_id: str, other_run_id: str) -> dg.Failure:
    return dg.Failure(
        f"Run {other_run_id or 'of an earlier version'} has replaced {artifact} after this run, {run_id}, "
        f"had {verb} it: two runs of one partition at once. This run stores and emits nothing further, so "
        "that their results do not mix; materialize the partition again if you want the result of this run",
        allow_retries=False,
    )
