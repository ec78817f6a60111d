"""What requests for a source check in their transactions: is a run reading it?"""

from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.database import Database
from docustore.errors import SourceBusyError
from docustore.etl.models import RUNS, SOURCES, RunState


async def touch_source(database: Database, source: str, session: AsyncClientSession) -> None:
    """Write to the source: two transactions that write one document conflict.

    The second one starts over, and finds the run of the first.
    """
    touched = {"$inc": {"triggers": 1}, "$setOnInsert": {"paused": False}}
    await database[SOURCES].update_one({"_id": source}, touched, upsert=True, session=session)


async def require_idle(database: Database, source: str, session: AsyncClientSession, *, lane: str | None) -> None:
    """Refuse a request while a run of the source is running in this lane.

    Raises:
        SourceBusyError: It is; the error names the run.
    """
    running = {"source": source, "state": RunState.RUNNING, "lane": lane}
    if (busy := await database[RUNS].find_one(running, {"_id": 1}, session=session)) is not None:
        raise SourceBusyError(source=source, run_id=str(busy["_id"]))
