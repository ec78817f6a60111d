"""Move all users of one status to another, in batches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from docustore.errors import FieldError, InvalidInputError
from docustore.transient import DOCUMENT_VALIDATION_FAILURE, server_codes
from docustore.users.cause import Cause
from docustore.users.models import User
from docustore.users.schemas import BulkStatusInput
from docustore.users.store import users
from docustore.users.stored import WITHOUT_PASSWORD, completed
from docustore.users.views import BulkStatusResult
from docustore.users.writes import changed_fields, guarded, loaded, stamped

BATCH_DOCS: Final = 500
# The guard skips a user that another writer changes at the same time. The next pass reads that user again.
MAX_PASSES: Final = 3


async def set_status_of_many(order: BulkStatusInput, *, cause: Cause, now: datetime) -> BulkStatusResult:
    """Move the matching users to the new status, in batches.

    Each user is written by itself, guarded by its version, because other clients may write users at the same time.
    Not atomic: a failure may leave some users changed. The changed users no longer match, so the same order can be
    sent again.

    Raises:
        InvalidInputError: More users match than `max_affected`; nothing was changed.
    """
    which = _matching(order)
    matched = await users().count_documents(which)
    if order.max_affected is not None and matched > order.max_affected:
        detail = f"{matched} users match; nothing was changed; raise max_affected or narrow the order"
        raise InvalidInputError((FieldError(pointer="/max_affected", code="exceeded", detail=detail),))
    if order.dry_run:
        return BulkStatusResult(matched=matched, modified=0)
    # At most `matched` users are changed, because the client agreed to that count.
    return BulkStatusResult(matched=matched, modified=await _modify(order, which, matched, cause=cause, now=now))


def _matching(order: BulkStatusInput) -> dict[str, Any]:
    matching: dict[str, Any] = {"status": order.current_status.value, "deleted_at": None}
    if order.updated_before is not None:
        # Another client may write a user without `updated_at`. Such a user matches too.
        matching["$or"] = [{"updated_at": {"$lt": order.updated_before}}, {"updated_at": None}]
    return matching


async def _modify(order: BulkStatusInput, which: dict[str, Any], most: int, *, cause: Cause, now: datetime) -> int:
    modified = 0
    for _ in range(MAX_PASSES):
        before = modified
        after_id: object = None
        while modified < most:
            # Expressions compare ids of all types, like the sort; a plain `$gt` compares those of one type.
            later = {"$expr": {"$gt": ["$_id", {"$literal": after_id}]}}
            beyond: dict[str, Any] = {} if after_id is None else later
            size = min(BATCH_DOCS, most - modified)
            batch = await users().find({**which, **beyond}, WITHOUT_PASSWORD).sort("_id", 1).limit(size).to_list()
            if not batch:
                break
            modified += await _write(batch, order, cause=cause, now=now)
            after_id = batch[-1]["_id"]
        if modified == before:
            break
    return modified


async def _write(batch: Sequence[dict[str, Any]], order: BulkStatusInput, *, cause: Cause, now: datetime) -> int:
    updates: list[UpdateOne] = []
    for stored in batch:
        raw = completed(stored)
        user = loaded(raw, User)
        before = user.model_copy()
        user.set_status(order.new_status)
        fields = stamped(stored, changed_fields(raw, before, user, now=now), now=now, cause=cause)
        updates.append(UpdateOne(guarded(raw, stored_version=stored.get("version")), {"$set": fields}))
    try:
        result = await users().bulk_write(updates, ordered=False)
    except BulkWriteError as exc:
        # Unordered: a user that the validator refuses keeps its status, all others are written.
        if server_codes(exc) != {DOCUMENT_VALIDATION_FAILURE}:
            raise
        return int(exc.details["nModified"])
    return result.modified_count
