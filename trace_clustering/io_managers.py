"""Artifacts on disk or object storage: `<base>/<asset>/<date>/<team>.parquet`."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import dagster as dg
from pydantic import Field
from upath import UPath

from trace_clustering.artifacts import Artifact
from trace_clustering.environment import storage_base
from trace_clustering.parquet import from_parquet, to_parquet


class ArtifactIOManager(dg.UPathIOManager):
    """Writes each artifact whole or not at all, and reads it back."""

    extension = ".parquet"

    @property
    def base(self) -> UPath:
        """Folder of all artifacts."""
        return UPath(self._base_path)

    def dump_to_path(self, context: dg.OutputContext, obj: Artifact, path: UPath) -> None:
        """Write an artifact so that a crash leaves the old file or the new one."""
        with replacing(path) as file:
            to_parquet(obj, file)
            size = file.tell()
        context.add_output_metadata({"bytes": size})

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Artifact:
        """Read one artifact.

        Raises
        ------
        dagster.Failure
            If there is none, or the file is damaged; retries cannot help.
        """
        try:
            with _reading(path) as file:
                return from_parquet(file)
        except FileNotFoundError:
            raise _materialize_first(context, f"is not stored at {path}") from None
        except ValueError as error:
            raise _materialize_first(context, f"cannot be read from {path} ({error})") from error


class ArtifactStorage(dg.ConfigurableIOManagerFactory[ArtifactIOManager]):
    """Where the artifacts of the assets are kept."""

    base: str = Field(
        default="",
        description="Folder or URL of an object store (s3://bucket/prefix); empty: "
        "TRACE_CLUSTERING_STORAGE, else a folder under DAGSTER_HOME.",
    )

    def create_io_manager(self, context: object) -> ArtifactIOManager:  # noqa: ARG002
        """Return the IO manager for the configured place."""
        return ArtifactIOManager(base_path=UPath(self.base or storage_base()))


def write_whole(path: UPath, content: bytes) -> None:
    """Write a small file anywhere so that a crash leaves the old content or the new."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file to write what shall be at a path, anywhere; it gets there once all is written.

    A crash or an error before that leaves what was there.
    """
    if _is_local(path):
        with _replacing_local(Path(path.path)) as file:
            yield file
    else:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with copy.open("wb") as file:
                yield file
            path.fs.put_file(str(copy), path.path)  # object stores show an upload only once it is complete


@contextmanager
def _replacing_local(path: Path) -> Iterator[IO[bytes]]:
    """Replace a file in one step, after its content has reached the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _reading(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file from anywhere; faults of an object store come up here, and not in the middle of it."""
    if _is_local(path):
        with Path(path.path).open("rb") as file:
            yield file
    else:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            path.fs.get_file(path.path, str(copy))
            with copy.open("rb") as file:
                yield file


def _is_local(path: UPath) -> bool:
    return path.protocol in ("", "file", "local")


def _materialize_first(context: dg.InputContext, what: str) -> dg.Failure:
    asset = context.asset_key.to_user_string()
    return dg.Failure(
        f"{asset} of partition {context.asset_partition_key} {what}; "
        f"materialize {asset} of this partition first",
        allow_retries=False,
    )
