"""Runs embedded servers until it is killed: `python holder.py FOLDER`."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from docustore.embedded.servers import embedded_servers
from docustore.logs import configure_logging


async def hold(folder: Path) -> None:
    async with embedded_servers(folder) as servers:
        print(json.dumps(asdict(servers)), flush=True)  # noqa: T201  # its only output
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging(log_format="console", level="warning")  # to stderr
    asyncio.run(hold(Path(sys.argv[1])))
