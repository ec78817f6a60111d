"""Rate and memory of `docustore etl run` for many records.

Run by `python -m benchmarks.load`. It writes a file of records and runs the command on it twice: every record is
new, then no record has changed.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from benchmarks.etl import write_records
from benchmarks.measured_command import measured_command
from docustore.config import Settings
from docustore.database import connect
from docustore.embedded.servers import embedded_servers
from indexes.apply import apply_indexes

DEFAULT_RECORDS: Final = 1_000_000


async def measure(records: int) -> None:
    """Load a file twice, and print what each run took."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.ndjson"
        write_records(path, records)
        async with embedded_servers(Path(folder) / "servers") as servers:
            settings = Settings(mongodb_url=servers.mongodb_url, redis_url=servers.redis_url)
            async with connect(settings, app_name="docustore-bench") as database:
                await apply_indexes(database)
            for name in ("new", "again"):
                measured = await measured_command(settings, "etl", "run", str(path), "--full", "--json")
                run = json.loads(measured.output)
                counts = {name: count for name, count in run["counts"].items() if count}
                print(
                    f"{name}: {counts}, {measured.took_s:.0f} s, {run['records_per_s']:,.0f} records/s, "
                    f"at most {measured.memory_mb:.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_RECORDS))
