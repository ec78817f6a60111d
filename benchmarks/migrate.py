"""Rate and memory of `docustore migrate up`: `python -m benchmarks.migrate`.

It fills a store of its own with users of the first shape and runs the command on it. Every user has to be written.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Final

import uvloop

from benchmarks.population import populate
from docustore.config import Settings
from docustore.database import connect
from docustore.embedded.environment import child_environment
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes

DEFAULT_USERS: Final = 1_000_000
_KB_PER_MB: Final = 1024


async def measure(users: int) -> None:
    """Fill a store, migrate it, and print what it took."""
    with TemporaryDirectory() as folder:
        async with embedded_servers(Path(folder)) as servers:
            settings = Settings(mongodb_url=servers.mongodb_url, redis_url=servers.redis_url)
            async with connect(settings, app_name="docustore-bench") as database:
                await apply_indexes(database)
                started = time.monotonic()
                await populate(database, users=users)
                print(f"{users:,} users stored in {time.monotonic() - started:.0f} s", flush=True)
            started = time.monotonic()
            output, memory_mb = await asyncio.to_thread(_run, child_environment(settings))
            took_s = time.monotonic() - started
    for record in json.loads(output)["migrations"]:
        changed, duration_s = record["counts"]["changed"], record["duration_s"]
        rate = f"{changed / duration_s:,.0f}/s" if changed else ""
        print(f"{record['number']:04} {record['name']}: {changed:,} users in {duration_s:.0f} s {rate}")
    print(f"the command: {took_s:.0f} s, at most {memory_mb:.0f} MB")


def _run(environment: dict[str, str]) -> tuple[str, float]:
    """Run the command; return its output and its largest memory in megabytes."""
    with TemporaryFile("w+") as output:
        command = (sys.executable, "-m", "docustore", "migrate", "up", "--json")
        process = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(process.returncode)
        output.seek(0)
        return output.read(), usage.ru_maxrss / _KB_PER_MB


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_USERS))
