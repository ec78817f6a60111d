"""The `docustore` command as a process."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from typing import Any, NamedTuple

from docustore.config import Settings


class Outcome(NamedTuple):
    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


async def run_docustore(*arguments: str, **environment: str) -> Outcome:
    # In a narrow window, lines that tests compare would be folded.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DOCUSTORE_")}
    variables["COLUMNS"] = "120"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docustore", *arguments, stdout=PIPE, stderr=PIPE, env={**variables, **environment}
    )
    stdout, stderr = await process.communicate()
    return Outcome(process.returncode, stdout.decode(), stderr.decode())


def addresses(settings: Settings) -> dict[str, str]:
    assert settings.mongodb_url is not None
    assert settings.redis_url is not None
    return {
        "DOCUSTORE_MONGODB_URL": settings.mongodb_url,
        "DOCUSTORE_REDIS_URL": settings.redis_url,
        "DOCUSTORE_MONGODB_DATABASE": settings.mongodb_database,
        "DOCUSTORE_DATA_DIR": str(settings.data_dir),
    }
