"""The image fields that an effect reads. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

# Never leaves the server. An effect that reads it would carry it into its collection.
SECRET_FIELDS: Final = frozenset({"password_hash"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFields:
    """The top-level fields that an effect reads before and after a change.

    `_id` always comes. An update carries both images, less the bookkeeping fields that no effect declares in
    `before`. An insert is decoded for `after` only: a field that is not declared there is absent.
    `is_whole` asks for every field of every image; each insert is then decoded completely, which makes parsing
    an insert three times as slow.

    Raises:
        ValueError: A name is a path, an operator or a secret.
    """

    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    is_whole: bool = False

    def __post_init__(self) -> None:
        for name in self.before | self.after:
            if not name or "." in name or name.startswith("$"):
                msg = f"{name!r} is not a top-level field: declare the field that contains it"
                raise ValueError(msg)
            if name in SECRET_FIELDS:
                msg = f"{name!r} never leaves the server: remove it from the effect's fields"
                raise ValueError(msg)

    @classmethod
    def of(cls, *names: str) -> Self:
        """Declare the same fields for both images."""
        return cls(before=frozenset(names), after=frozenset(names))


WHOLE_IMAGES: Final = ImageFields(is_whole=True)


def union(declared: Iterable[ImageFields]) -> ImageFields:
    """Combine what several effects declare."""
    fields = tuple(declared)
    return ImageFields(
        before=frozenset().union(*(each.before for each in fields)),
        after=frozenset().union(*(each.after for each in fields)),
        is_whole=any(each.is_whole for each in fields),
    )
