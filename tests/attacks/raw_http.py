"""HTTP requests as bytes, for requests that no client would send."""

import asyncio
import re
from typing import Final

from tests.api_process import ApiProcess

LONGEST_ANSWER_S: Final = 60


async def exchange(process: ApiProcess, request: bytes) -> bytes:
    """Send the bytes; return everything until the server closes the connection.

    A request must ask the server to close, unless it is one that the server cannot read.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), LONGEST_ANSWER_S)
    finally:
        writer.close()


def statuses(answers: bytes) -> list[int]:
    """Return the status of each response in the bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answers)]
