"""Keeps artifacts on disk or in an object store: `<base>/<asset>/<date>/<team>.parquet`."""

from typing import Any

import dagster as dg
from pydantic import Field
from upath import UPath

from trace_clustering.artifacts.faults import explain_storage_faults
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.files import make_folder, open_for_reading, open_replacement
from trace_clustering.artifacts.parquet import from_parquet, to_parquet
from trace_clustering.environment import STORAGE, read_storage_base
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.processes.stopping import end_run_on_interrupt, require_live_run


class ArtifactIOManager(dg.UPathIOManager):
    """Writes each artifact whole or not at all, and reads it back."""

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

    def dump_to_path(self, context: dg.OutputContext, obj: Artifact, path: UPath) -> None:
        """Write an artifact so that a crash leaves the old file or the new one."""
        with open_replacement(path) as file:
            to_parquet(obj, file)
            size = file.tell()
        context.add_output_metadata({"bytes": size})

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Artifact:
        """Read one artifact.

        Raises
        ------
        dagster.Failure
            If there is no file, or it cannot be used (damaged, or of another version); retries cannot help.
        """
        try:
            with open_for_reading(path) as file:
                return from_parquet(file)
        except FileNotFoundError:
            raise _build_failure(context, f"is not stored at {path}") from None
        except ValueError as error:
            raise _build_failure(context, f"cannot be read from {path} ({error})") from error


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


def _build_failure(context: dg.InputContext, what: str) -> dg.Failure:
    asset = context.asset_key.to_user_string()
    return dg.Failure(
        f"{asset} of partition {context.asset_partition_key} {what}; "
        f"materialize {asset} of this partition first",
        allow_retries=False,
    )
