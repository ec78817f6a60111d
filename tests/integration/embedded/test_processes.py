"""The logs of child processes."""

from pathlib import Path

from docustore.embedded.processes import spawn


async def test_new_log_and_its_folder_are_private(tmp_path: Path) -> None:
    log_path = tmp_path / "logs" / "child.log"

    process = await spawn(["/bin/true"], log_path=log_path)
    await process.wait()

    assert [path.stat().st_mode & 0o777 for path in (log_path.parent, log_path)] == [0o700, 0o600]
