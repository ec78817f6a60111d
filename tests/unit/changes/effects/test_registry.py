"""A new effect is one class and one line; it gets the fields it declares."""

from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from docustore.changes.effects.batch import BatchEffects
from docustore.changes.effects.effect import Effect, Rebuild, Rebuilt, Stamp, fields_of
from docustore.changes.effects.fields import WHOLE_IMAGES, ImageFields, union
from docustore.changes.effects.history import HistoryEffect
from docustore.changes.effects.marts import UserMartsEffect
from docustore.changes.effects.registry import DERIVED, EFFECTS
from docustore.changes.events import Change, parse_change
from docustore.changes.pipeline import Images, StartPoint, change_pipeline
from docustore.database import Database
from docustore.history.rows import BOOKKEEPING
from tests.unit.changes.make import make_change, make_event

ADA = {"_id": 1, "status": "active", "email": "ada@example.org", "phone": "1", "version": 1}

# Not the registry: an effect that is added to it must not change what these tests say of two known ones.
HISTORY_AND_MARTS = (HistoryEffect, UserMartsEffect)


class Emails(Effect):
    """An effect that is not part of docustore: it collects addresses."""

    fields = ImageFields.of("email")

    def __init__(self) -> None:
        super().__init__()
        self.emails: list[Any] = []

    def add(self, change: Change) -> None:
        self.emails.append(change.after and change.after.get("email"))

    async def write(self, _database: Database, _stamp: Stamp, _session: AsyncClientSession) -> None:
        raise NotImplementedError

    @classmethod
    async def rebuild(cls, _rebuild: Rebuild) -> Rebuilt:
        raise NotImplementedError

    @classmethod
    async def reconcile(cls, _database: Database, *, timeout_s: float) -> list[str]:
        raise NotImplementedError(timeout_s)


class Whole(Emails):
    fields = WHOLE_IMAGES


def _projections(fields: ImageFields) -> tuple[dict[str, Any], dict[str, Any]]:
    stages = change_pipeline(StartPoint(), images=Images.BOTH, fields=fields)
    return stages[2]["$project"], stages[3]["$project"]


def _inserted(user: dict[str, Any], fields: ImageFields) -> Change:
    """Make the event of an insert as the pipeline of these fields would."""
    shape, _ = _projections(fields)
    event = bson.decode(make_event("insert", after=user).raw)
    if "head" in shape:
        head = shape["head"]["$cond"][1]
        values = {name: user.get(path.split(".")[-1]) for name, path in head.items()}
        event["head"] = {name: value for name, value in values.items() if value is not None}
    return parse_change(RawBSONDocument(bson.encode(event)))


def test_insert_carries_declared_fields() -> None:
    effects = (*HISTORY_AND_MARTS, Emails)
    fields = fields_of(effects)
    emails = Emails()

    emails.add(_inserted(ADA, fields))

    assert _projections(fields)[0]["head"]["$cond"][1]["email"] == "$fullDocument.email"
    assert emails.emails == ["ada@example.org"]


def test_insert_omits_undeclared_fields() -> None:
    change = _inserted(ADA, fields_of((*HISTORY_AND_MARTS, Emails)))

    assert change.after is not None
    assert "phone" not in change.after
    assert "email" not in (_inserted(ADA, fields_of(HISTORY_AND_MARTS)).after or {})


def test_effect_may_ask_for_whole_images() -> None:
    change = _inserted(ADA, fields_of((*HISTORY_AND_MARTS, Whole)))

    assert change.after == ADA


def test_head_of_the_registry_is_small() -> None:
    """Each further field is decoded for every insert: a measured cost."""
    head = _projections(fields_of(HISTORY_AND_MARTS))[0]["head"]["$cond"][1]

    assert set(head) == {"_id", "status", "created_at", "deleted_at", "updated_by", "cause", "version"}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (fields_of(HISTORY_AND_MARTS), {"_id", "version"}),
        (
            union([fields_of(HISTORY_AND_MARTS), ImageFields.of("search_terms")]),
            {"_id", "version", "search_terms"},
        ),
        (WHOLE_IMAGES, BOOKKEEPING - {"password_hash"}),
        (ImageFields(), {"_id"}),
    ],
)
def test_unread_bookkeeping_is_dropped(fields: ImageFields, kept: set[str]) -> None:
    _, dropped = _projections(fields)

    assert set(dropped) == {"after.password_hash", *(f"before.{name}" for name in BOOKKEEPING - kept)}


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", ["password_hash", "profile.location", "$where", ""])
def test_undeliverable_field_is_refused(name: str, side: str) -> None:
    with pytest.raises(ValueError, match=r"declare the field|never leaves"):
        ImageFields(**{side: frozenset({name})})


def test_every_effect_gets_every_change_once() -> None:
    batch = BatchEffects((Emails, Emails), seq=7)
    changes = [make_change("insert", after=ADA | {"_id": n}) for n in range(5)]

    batch.add(changes[:3])
    batch.add(changes[3:])
    batch.add([])

    assert batch.seq == 12
    assert batch.newest_at == changes[-1].wall_time
    assert [len(effect.emails) for effect in batch._effects if isinstance(effect, Emails)] == [5, 5]


def test_every_effect_has_a_name_of_its_own() -> None:
    """The name is the document of its state."""
    names = [effect.name for effect in (*EFFECTS, *DERIVED)]

    assert len(set(names)) == len(names)
    assert {"user_history", "user_stats"} <= set(names)
    assert Emails.name == "Emails"
