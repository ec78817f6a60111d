"""The cause of a write to a user: who, in which request or run, and why. Pure.

Every write of docustore replaces the stored field `cause` as a whole, next to `updated_by`. History copies it into
the row of the change. It is bookkeeping: no response with a user has it, and no comparison of users looks at it.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict


class Cause(BaseModel):
    """Who wrote a user, and what made it write; None where a part is unknown.

    `actor` is `api:<key id>`, `etl:<source>` or `migration:<number>`, the same as `updated_by`. History drops a
    cause whose actor is another one: an older process wrote the user and left the cause of the write before.
    `request_id` is that of the API, `run_id` that of the ledger. `reason` is a few words.
    """

    model_config = ConfigDict(frozen=True)

    actor: str
    request_id: str | None = None
    run_id: str | None = None
    reason: str | None = None

    def as_document(self) -> dict[str, str]:
        """Return the stored form; unknown parts are absent."""
        document: dict[str, str] = self.model_dump(exclude_none=True)
        return document


CAUSE_PARTS: Final = tuple(Cause.model_fields)
