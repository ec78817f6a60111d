from pathlib import Path

import pytest

from docustore.cli.checks.finding import FindingStatus
from docustore.cli.checks.machine import disk_finding, free_disk, needed_bytes
from docustore.config import Settings

GB = 1_000_000_000
FAILED, WARNING, OK = FindingStatus.FAILED, FindingStatus.WARNING, FindingStatus.OK


def test_new_folder_needs_the_store_and_the_whole_oplog() -> None:
    assert needed_bytes(Settings(oplog_mib=1000), used=0) == GB + 1000 * 2**20


def test_folder_needs_only_what_it_has_not_used() -> None:
    assert needed_bytes(Settings(oplog_mib=1000), used=GB) == 1000 * 2**20


def test_grown_folder_still_needs_room_for_writes() -> None:
    assert needed_bytes(Settings(oplog_mib=1000), used=50 * GB) == GB // 2


def test_configured_servers_use_other_disks() -> None:
    settings = Settings(mongodb_url="mongodb://db", redis_url="redis://queue", oplog_mib=100_000)

    assert needed_bytes(settings, used=0) == GB // 2


@pytest.mark.parametrize(
    ("free", "status"),
    [(0, FAILED), (GB // 2 - 1, FAILED), (GB // 2, WARNING), (2 * GB - 1, WARNING), (2 * GB, OK)],
)
def test_free_disk_is_compared_with_the_need(free: int, status: FindingStatus) -> None:
    finding = disk_finding(free=free, used=0, needed=2 * GB)

    assert finding.status is status
    assert (finding.next_step == "") is (status is OK)


def test_finding_shows_free_needed_and_used(tmp_path: Path) -> None:
    (tmp_path / "mongod").mkdir()
    (tmp_path / "mongod" / "file").write_bytes(b"x" * 60_000_000)

    seen = free_disk(Settings(data_dir=tmp_path / "mongod", oplog_mib=1000)).seen

    assert seen.endswith(" GB free, 2.0 GB needed; the data folder uses 0.1 GB")
