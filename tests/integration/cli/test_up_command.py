"""`docustore up` on the terminal of a person at a desktop."""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx2

from docustore.config import Settings
from docustore.database import Database
from tests.integration.cli.docustore_command import addresses
from tests.waiting import until


async def test_browser_gets_a_link_and_no_key(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Other users of the machine can read the arguments of processes."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$*" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    terminal, its_end = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "docustore", "up", "--port", "0"),
        stdout=its_end,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **addresses(settings), "BROWSER": str(browser), "DISPLAY": ":0", "COLUMNS": "300"},
    )
    os.close(its_end)
    try:
        await until(lambda: asyncio.to_thread(opened.exists), what="browser opened")
        arguments = opened.read_text()
        page, _, token = arguments.partition("#token=")
        async with httpx2.AsyncClient(trust_env=False) as client:
            headers = {"origin": page.removesuffix("/login")}
            answer = await client.post(page, json={"token": token}, headers=headers)
        printed = os.read(terminal, 65_536).decode()
    finally:
        process.terminate()
        await process.wait()
        os.close(terminal)

    key = re.search(r"dsk_bootstrap_\S+", printed)
    assert key is not None
    assert key[0] not in arguments
    assert arguments in printed
    assert answer.status_code == 204
