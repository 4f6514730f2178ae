"""Says in one sentence why artifacts cannot be stored or read, and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from trace_clustering.environment import STORAGE

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN: Final = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def explain_storage_faults(base: str) -> Iterator[None]:
    """Turn errors of the disk or of the object store into a failure of the step that is not retried.

    The place has to be mended first. Libraries of object stores repeat by themselves what the network lost.

    Parameters
    ----------
    base : str
        Folder or URL of all artifacts.

    Raises
    ------
    dagster.Failure
        Its description is the cause and what to do.
    """
    try:
        yield
    except (OSError, ImportError) as error:
        # Without the chain: the sentence says it all, and a traceback of the library would come first.
        raise dg.Failure(describe_storage_fault(error, base), allow_retries=False) from None


def is_permanent(error: OSError) -> bool:
    """Return whether an error of a disk would come again a few seconds later."""
    return error.errno in _FULL | _FORBIDDEN


def describe_storage_fault(error: OSError | ImportError, base: str) -> str:
    """Return why a place cannot be used, and what to do next."""
    if isinstance(error, ImportError):
        return (
            f"{base} cannot be used without a package that is not installed ({error}); "
            f"install it where the code runs, or name another place in {STORAGE}"
        )
    if error.errno in _FULL:
        return (
            f"No space left on device: {base} can take no more ({error}); free some space there, "
            f"or name another place in {STORAGE}, and run the partition again"
        )
    if error.errno in _FORBIDDEN:
        return (
            f"{base} cannot be written by this user ({error}); "
            f"allow it there, or name another place in {STORAGE}"
        )
    return (
        f"{base} cannot be used ({type(error).__name__}: {error}); "
        f"check that it exists and can be reached, or name another place in {STORAGE}"
    )
