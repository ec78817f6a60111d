"""Compare the files of a warehouse folder with its manifest.

Files are never changed after they are written, so a difference is damage. History still has their rows: an export
to an empty folder writes them again.
"""

from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

from docustore.errors import WarehouseError
from docustore.warehouse.manifest import Manifest, WarehouseFile, read_manifest

_NEXT_STEP = "export to an empty folder"


def require_files(folder: Path, manifest: Manifest) -> None:
    """Check that each listed file is there, with its size. Reads no file.

    Raises:
        WarehouseError: A file is missing or has another size; names the first one.
    """
    _require(folder, [file for file in _files(manifest) if _size_of(folder / file.path) != file.bytes])


def verify_files(folder: Path, *, on_progress: Callable[[int], None] = lambda _: None) -> Manifest:
    """Read each listed file and compare it with its SHA-256.

    Args:
        on_progress: Gets the number of files read so far.

    Raises:
        WarehouseError: There is no manifest, or a file is missing or differs; names the first one.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise WarehouseError(f"{folder} has no manifest: name the folder of an export")
    damaged = []
    for number, file in enumerate(_files(manifest), start=1):
        if not _is_whole(folder / file.path, file):
            damaged.append(file)
        on_progress(number)
    _require(folder, damaged)
    return manifest


def _files(manifest: Manifest) -> list[WarehouseFile]:
    return [file for table in manifest.tables.values() for file in table.files]


def _size_of(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _is_whole(path: Path, file: WarehouseFile) -> bool:
    if _size_of(path) != file.bytes:
        return False
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest() == file.sha256


def _require(folder: Path, damaged: list[WarehouseFile]) -> None:
    if damaged:
        count = "1 file" if len(damaged) == 1 else f"{len(damaged)} files"
        problem = "missing" if not (folder / damaged[0].path).is_file() else "not as it was written"
        raise WarehouseError(
            f"{count} of {folder} differ from the manifest; {damaged[0].path} is {problem}: {_NEXT_STEP}"
        )
