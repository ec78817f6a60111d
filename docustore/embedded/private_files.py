"""Files with secrets: only their owner can read them."""

import os
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def make_private_folder(path: Path) -> None:
    """Create the folder when it is missing, and close it to other users."""
    path.mkdir(exist_ok=True, mode=FOLDER_MODE)
    path.chmod(FOLDER_MODE)


def write_private(path: Path, text: str) -> None:
    """Replace the file.

    Atomic: a reader sees the old or the new text, also after a crash. The file has its mode before it has content.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
