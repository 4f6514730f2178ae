"""Folders for data, which are nobody's business but their owner's."""

import os
from pathlib import Path
from typing import Final

_PRIVATE: Final = 0o700


def make_private_folder(folder: Path) -> None:
    """Create a folder, and those above it, for its owner alone, whatever the umask allows others.

    An empty folder of this user's becomes private as well. One that holds something stays as it is: whoever
    opened it to others wanted that.

    Raises
    ------
    OSError
        If it cannot be created, or is no folder.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(_PRIVATE, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    if not missing and not any(folder.iterdir()) and folder.stat().st_uid == os.getuid():
        folder.chmod(_PRIVATE)
