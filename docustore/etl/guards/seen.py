"""Remember the keys that a full reading has seen, page by page.

The keys of a page are stored before the checkpoint moves over the page, so a resumed run has all of them.
"""

from collections.abc import Sequence
from typing import Any, Final

from bson import Binary

from docustore.clock import now_utc
from docustore.database import Database
from docustore.etl.guards.keys import KeySet, digests_of
from docustore.etl.models import SNAPSHOTS, EtlRun
from docustore.etl.quarantine import Rejected
from docustore.etl.recognise import recognise
from docustore.etl.transform import RecordRules, UserRecord

SEEN: Final = "seen"


class Seen:
    """The keys of one run.

    A dry run keeps them in memory: it writes nothing, and it starts anew when it is resumed.
    """

    def __init__(self, database: Database, run: EtlRun) -> None:
        self._database = database
        self._run = run
        self._is_stored = not run.options.dry_run
        self._keys = KeySet()
        self._count = 0
        self._unreadable = 0

    async def note(
        self, first: int, records: Sequence[UserRecord], rejected: Sequence[Rejected], *, rules: RecordRules
    ) -> None:
        """Remember the keys of one page, also those of rejected records.

        A record with an unreadable name still shows that its person is not gone.

        Args:
            first: The number of the page's first record.
        """
        of_rejected = [
            record.identity_key or recognise(record.raw, source=rules.source, mapping=rules.mapping).identity_key
            for record in rejected
        ]
        keys = [*(record.key for record in records), *(key for key in of_rejected if key is not None)]
        digests, unreadable = digests_of(keys), of_rejected.count(None)
        if not self._is_stored:
            self._add(digests, unreadable)
            return
        # The fence: the pages of a resumed attempt may have the same numbers.
        chunk_id = f"{self._run.id}:{self._run.fence}:{first}"
        chunk = chunk_of(self._run, SEEN, digests) | {"unreadable": unreadable}
        await self._database[SNAPSHOTS].replace_one({"_id": chunk_id}, chunk, upsert=True)

    async def load(self) -> tuple[KeySet, int, int]:
        """Return all keys, their number, and the number of unreadable records."""
        if self._is_stored:
            async for chunk in self._database[SNAPSHOTS].find(chunks(self._run.source, str(self._run.id), SEEN)):
                self._add(bytes(chunk["keys"]), chunk["unreadable"])
        return self._keys, self._count, self._unreadable

    def _add(self, digests: bytes, unreadable: int) -> None:
        self._keys.add(digests)
        self._count += len(digests) // 8
        self._unreadable += unreadable


def chunks(source: str, run_id: str, role: str) -> dict[str, Any]:
    """Match the stored keys of a run in one role; uses `source_run_id`."""
    return {"source": source, "run_id": run_id, "role": role}


def chunk_of(run: EtlRun, role: str, digests: bytes) -> dict[str, Any]:
    """Make a document of keys."""
    return {**chunks(run.source, str(run.id), role), "keys": Binary(digests), "created_at": now_utc()}
