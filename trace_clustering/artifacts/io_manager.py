"""Keeps artifacts on disk or in an object store: `<base>/<asset>/<date>/<team>.parquet`.

With a `run_label`, the name of the file is `<team>_<run_label>.parquet`.
"""

import dataclasses
from typing import Any

import dagster as dg
from pydantic import Field
from upath import UPath

from trace_clustering.artifacts.faults import explain_storage_faults
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.files import make_folder, open_for_reading, open_replacement
from trace_clustering.artifacts.ownership import (
    DIGEST_METADATA,
    explain_foreign_artifact,
    require_own_artifact,
    require_unchanged_inputs,
)
from trace_clustering.artifacts.parquet import from_parquet, to_parquet
from trace_clustering.environment import STORAGE, read_storage_base
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.processes.stopping import end_run_on_interrupt, require_live_run


class ArtifactIOManager(dg.UPathIOManager):
    """Writes each artifact whole or not at all, and reads it back if it is the one that the run counts on."""

    extension = ".parquet"

    @property
    def base(self) -> UPath:
        """Folder of all artifacts."""
        return UPath(self._base_path)

    def handle_output(self, context: dg.OutputContext, obj: Artifact) -> None:
        """Store an artifact, unless its run was stopped or has ended."""
        with end_run_on_interrupt(context.run_id):
            require_live_run(context.step_context.instance, context.run_id)
            with explain_storage_faults(str(self.base)):
                super().handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - an artifact, or several by partition
        """Read the artifact of an asset upstream."""
        with (
            end_run_on_interrupt(context.step_context.run_id),
            explain_storage_faults(str(self.base)),
        ):
            return super().load_input(context)

    def make_directory(self, path: UPath) -> None:
        """Create the folder of an artifact, for its owner alone."""
        make_folder(path)

    def get_path_for_partition(
        self, context: dg.InputContext | dg.OutputContext, path: UPath, partition: str
    ) -> UPath:
        """Return the place of an artifact; with `run_label`, it is beside that of the nightly run."""
        place = super().get_path_for_partition(context, path, partition)
        label = _read_run_label(context)
        return place.with_name(f"{place.name}_{label}") if label else place

    def dump_to_path(self, context: dg.OutputContext, obj: Artifact, path: UPath) -> None:
        """Write an artifact so that a crash leaves the old file or the new one.

        Raises
        ------
        dagster.Failure
            If another run has replaced what it was made from.
        """
        provenance = dataclasses.replace(obj.provenance, dagster_run_id=context.run_id)
        artifact = dataclasses.replace(obj, provenance=provenance)
        require_unchanged_inputs(context, artifact, path)
        with open_replacement(path) as file:
            to_parquet(artifact, file)
            size = file.tell()
        context.add_output_metadata({"bytes": size, DIGEST_METADATA: artifact.digest})

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Artifact:
        """Read one artifact.

        Raises
        ------
        dagster.Failure
            If there is no file, or it cannot be used (damaged, of another version, or of another team, day,
            kind or run); retries cannot help.
        """
        try:
            with open_for_reading(path) as file:
                artifact = from_parquet(file)
        except FileNotFoundError:
            raise _build_failure(context, f"is not stored at {path}") from None
        except ValueError as error:
            raise _build_failure(context, f"cannot be read from {path} ({error})") from error
        kind = context.dagster_type.typing_type
        foreign = explain_foreign_artifact(
            artifact, kind, context.asset_partition_key, _read_run_label(context)
        )
        if foreign:
            raise _build_failure(context, f"is not what lies at {path}: {foreign}")
        require_own_artifact(context, artifact)
        return artifact


class ArtifactStorage(dg.ConfigurableIOManagerFactory[ArtifactIOManager]):
    """The place where the artifacts of the assets are kept."""

    base: str = Field(
        default="",
        description="Folder or URL of an object store (s3://bucket/prefix); empty: "
        "TRACE_CLUSTERING_STORAGE, else a folder under DAGSTER_HOME, where relative folders lie too.",
    )

    def create_io_manager(self, context: object) -> ArtifactIOManager:  # noqa: ARG002
        """Return the IO manager for the configured place."""
        base = read_storage_base(self.base)
        try:
            return ArtifactIOManager(base_path=UPath(base))
        except ValueError as error:
            raise InvalidSettingsError(
                f"Artifacts cannot be kept at {base!r} ({error}); "
                f"name a folder, or a URL such as s3://bucket/prefix, in {STORAGE}"
            ) from error


def _read_run_label(context: dg.InputContext | dg.OutputContext) -> str:
    """Return the `run_label` of the run, from the resource `settings` of the step."""
    resources = context.step_context.scoped_resources_builder.resource_instance_dict
    return str(getattr(resources.get("settings"), "run_label", ""))


def _build_failure(context: dg.InputContext, what: str) -> dg.Failure:
    asset, label = context.asset_key.to_user_string(), _read_run_label(context)
    return dg.Failure(
        f"{asset} of partition {context.asset_partition_key} {what}; "
        f"materialize {asset} of this partition first" + (f", with run_label = {label!r}" if label else ""),
        allow_retries=False,
    )
