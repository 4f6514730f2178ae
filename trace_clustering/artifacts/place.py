"""Finds out, before anything is computed, whether artifacts can be stored."""

import uuid
from urllib.parse import urlsplit

from upath import UPath

from trace_clustering.artifacts.files import write_whole
from trace_clustering.environment import STORAGE
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.text import escape_controls

_MAX_REASON = 300


def require_usable_storage(base: str) -> None:
    """Write a small file below the folder or URL of the artifacts, and remove it.

    Raises
    ------
    InvalidSettingsError
        If that is not possible.
    """
    try:
        file = UPath(base) / f".trial.{uuid.uuid4().hex}"
        write_whole(file, b"trial")
        file.unlink()
    except Exception as error:  # every kind of store has errors of its own
        reason = escape_controls(_hide_password(f"{type(error).__name__}: {error}", base), _MAX_REASON)
        raise InvalidSettingsError(
            f"No artifact can be stored in {_hide_password(base, base)} ({reason}); "
            f"mend that, or name another folder or URL in {STORAGE}"
        ) from error


def _hide_password(text: str, url: str) -> str:
    user, separator, _ = urlsplit(url).netloc.rpartition("@")
    return text.replace(f"{user}@", "***@").replace(user, "***") if separator else text
