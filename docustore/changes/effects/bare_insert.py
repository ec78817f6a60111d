"""Insert rows by a bare command."""

from collections.abc import Sequence
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from docustore.database import Database


async def insert_bare(
    database: Database, collection: str, rows: Sequence[Any], *, session: AsyncClientSession
) -> None:
    """Insert rows that fit into one command, in 48 MB.

    The driver encodes a bare command in one step. `insert_many` first looks at every row in Python, which is
    slower by a quarter.

    Raises:
        OperationFailure: A row is refused. The driver does not check the reply of a bare command for write errors.
    """
    reply = await database.command({"insert": collection, "documents": rows}, session=session)
    for error in reply.get("writeErrors", ()):
        raise OperationFailure(error["errmsg"], error["code"], reply)
