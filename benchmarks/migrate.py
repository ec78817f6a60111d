"""Rate and memory of `docustore migrate up`: `python -m benchmarks.migrate`.

It fills a store of its own with users of the first shape and runs the command on it. Every user has to be written.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from benchmarks.measured_command import measured_command
from benchmarks.population import populate
from docustore.config import Settings
from docustore.database import connect
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes

DEFAULT_USERS: Final = 1_000_000


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
            measured = await measured_command(settings, "migrate", "up", "--json")
    for record in json.loads(measured.output)["migrations"]:
        changed, duration_s = record["counts"]["changed"], record["duration_s"]
        rate = f"{changed / duration_s:,.0f}/s" if changed else ""
        print(f"{record['number']:04} {record['name']}: {changed:,} users in {duration_s:.0f} s {rate}")
    print(f"the command: {measured.took_s:.0f} s, at most {measured.memory_mb:.0f} MB")


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_USERS))
