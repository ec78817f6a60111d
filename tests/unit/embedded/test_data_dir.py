import os
from pathlib import Path

import pytest

from docustore.embedded.data_dir import claimed, hand_over, is_claimed
from docustore.errors import DataDirBusyError, EmbeddedServerError


def test_a_folder_has_one_holder_at_a_time(tmp_path: Path) -> None:
    with (
        claimed(tmp_path),
        pytest.raises(DataDirBusyError, match="stop it, or pass another --data-dir"),
        claimed(tmp_path),
    ):
        pass


def test_a_folder_is_free_after_the_block(tmp_path: Path) -> None:
    with claimed(tmp_path):
        assert is_claimed(tmp_path)

    assert not is_claimed(tmp_path)
    with claimed(tmp_path):
        pass


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(EmbeddedServerError, match="is not a folder: pass another --data-dir"), claimed(path):
        pass


def test_unusable_folder_names_the_way_out() -> None:
    with (
        pytest.raises(EmbeddedServerError, match="fix its permissions or pass another --data-dir"),
        claimed(Path("/proc/docustore")),
    ):
        pass


def test_lock_is_released_when_the_pid_is_not_written() -> None:
    """Such as on a full disk. If this process kept the lock, every later server would wait."""
    descriptor = os.open(os.devnull, os.O_RDONLY)

    with pytest.raises(OSError):
        hand_over(descriptor, pid=1)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
