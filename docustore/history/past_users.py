"""Users as they were at a time, from their rows of history."""

from datetime import datetime

from docustore.database import Database, Document
from docustore.errors import NotFoundError, UserGoneError
from docustore.history.doubts import FOUND_LATER, doubts_of, doubts_of_row, doubts_of_unrecorded
from docustore.history.horizon import ReadHorizon
from docustore.history.moments import number_at, rows_around
from docustore.history.past_list import list_past
from docustore.history.stored_rows import history_rows, states_of_rows
from docustore.users.listing import ListQuery
from docustore.users.past import PastPage, PastUser
from docustore.users.stored import id_key, user_key


class PastUsersOfHistory:
    """Implements `docustore.users.past.PastUsers`."""

    def __init__(self, database: Database, read_horizon: ReadHorizon) -> None:
        self._database = database
        self._read_horizon = read_horizon

    async def find(self, user_id: str, *, as_of: datetime) -> PastUser:
        """Read one user as of a time; see `PastUsers.find`."""
        horizon = await self._read_horizon(self._database)
        rows, key = history_rows(self._database), user_key(user_id)
        hint = await number_at(rows, as_of, seq=horizon.seq)
        row, following = await rows_around(rows, key, as_of, hint=hint, seq=horizon.seq)
        if row is None:
            raise _not_found(user_id, following, as_of)
        [state] = await states_of_rows(self._database, [row], seq=horizon.seq)
        if state is None or state.get("deleted_at") is not None:
            raise UserGoneError(user_id)
        unrecorded = doubts_of_unrecorded(
            await horizon.read_unrecorded([key], as_of), {id_key(key): row["valid_from"]}
        )
        doubts = frozenset({*doubts_of(horizon, as_of), *doubts_of_row(row), *unrecorded})
        return PastUser(user=state, doubts=doubts)

    async def list(self, query: ListQuery, *, as_of: datetime) -> PastPage:
        """Read one page of users as of a time; see `PastUsers.list`."""
        return await list_past(self._database, await self._read_horizon(self._database), query, as_of=as_of)


def _not_found(user_id: str, following: Document | None, as_of: datetime) -> NotFoundError:
    if following is None or following["operation"] not in FOUND_LATER:
        return NotFoundError(kind="user", id=user_id)
    begins = f"its history begins at {following['valid_from'].isoformat()}"
    return NotFoundError(kind="state of user", id=f"{user_id} as of {as_of.isoformat()}: {begins}")
