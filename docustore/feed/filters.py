"""Which changes a reader of the feed wants. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from docustore.api.field_errors import field_error, one_of
from docustore.errors import FieldError, InvalidQueryError
from docustore.feed.events import FIELDS, FeedEvent, FeedOperation
from docustore.users.stored import user_key

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFilter:
    """The wanted changes: all conditions must hold, an empty one always holds.

    `fields` concerns updates: an insert, a deletion and a restored user change every field.
    """

    user: Hashable | None = None
    operations: frozenset[FeedOperation] = frozenset()
    fields: frozenset[str] = frozenset()

    def matches(self, event: FeedEvent) -> bool:
        """Tell whether the reader wants this change."""
        return (
            (self.user is None or event.user_key == self.user)
            and (not self.operations or event.operation in self.operations)
            and (not self.fields or event.changed is None or not self.fields.isdisjoint(event.changed))
        )

    def chosen(self, events: Sequence[FeedEvent]) -> Sequence[FeedEvent]:
        """Return the wanted changes, in their order."""
        return events if self == EVERYTHING else [event for event in events if self.matches(event)]


EVERYTHING = FeedFilter()


def feed_filter(
    *, user_id: str | None = None, operation: str | None = None, field: str | None = None
) -> FeedFilter:
    """Read the parameters of a request.

    `operation` and `field` are words with commas between them.

    Raises:
        InvalidQueryError: A word is not known; the error lists the known ones.
    """
    errors: list[FieldError] = []
    operations = _words(operation, list(FeedOperation), "/operation", errors)
    fields = _words(field, FIELDS, "/field", errors)
    if errors:
        raise InvalidQueryError(tuple(errors))
    return FeedFilter(
        user=None if user_id is None else user_key(user_id),
        operations=frozenset(map(FeedOperation, operations)),
        fields=frozenset(fields),
    )


def _words(given: str | None, known: Sequence[Word], pointer: str, errors: list[FieldError]) -> list[Word]:
    by_name = {word.value if isinstance(word, StrEnum) else str(word): word for word in known}
    names = [] if given is None else given.split(",")
    if not by_name.keys() >= set(names):
        errors.append(field_error(pointer, "enum", {"expected": one_of(list(by_name))}))
        return []
    return [by_name[name] for name in names]
