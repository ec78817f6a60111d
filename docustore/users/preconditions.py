"""Conditional requests on users: the version as an entity tag (RFC 9110, sections 8.8.3 and 13.1). Pure."""

import re
from dataclasses import dataclass
from typing import Final, Self

from docustore.errors import FieldError, InvalidQueryError, PreconditionRequiredError, VersionConflictError

# White space is matched between tags only: leading it, a search of a long run of it would take quadratic time.
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_TAGS: Final = re.compile(rf"\s*{_TAG.pattern}\s*(?:,\s*{_TAG.pattern}\s*)*")
# A version is a 64-bit number, written without leading zeros: any other tag was never given out.
_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}")


def entity_tag(version: int) -> str:
    """Write a version as a strong entity tag."""
    return f'"{version}"'


def is_current(if_none_match: str | None, *, version: int) -> bool:
    """Tell whether the client's copy is still good, so that 304 is the answer."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or str(version) in (tag for _, tag in _TAG.findall(if_none_match))


@dataclass(frozen=True, slots=True, kw_only=True)
class IfMatch:
    """What a writer knows of the version it changes; `versions` None = any."""

    versions: frozenset[int] | None

    @classmethod
    def required(cls, header: str | None) -> Self:
        """Read the header of a write that must have one.

        Raises:
            PreconditionRequiredError: There is none.
            InvalidQueryError: It is malformed.
        """
        if header is None:
            raise PreconditionRequiredError
        return cls.optional(header)

    @classmethod
    def optional(cls, header: str | None) -> Self:
        """Read the header of a write that may go without; then any version will do.

        Raises:
            InvalidQueryError: It is malformed.
        """
        if header is None or header.strip() == "*":
            return cls(versions=None)
        if not _TAGS.fullmatch(header):
            detail = 'send an entity tag as the ETag header gave it, such as "3"'
            raise InvalidQueryError((FieldError(pointer="/If-Match", code="malformed", detail=detail),))
        # A weak tag never matches (RFC 9110, 13.1.1), nor does one that we never gave out.
        strong = (tag for weak, tag in _TAG.findall(header) if not weak)
        return cls(versions=frozenset(int(tag) for tag in strong if _VERSION.fullmatch(tag)))

    def check(self, *, user_id: str, version: int) -> None:
        """Let the write go on only if the user is at a version its writer knows.

        Raises:
            VersionConflictError: It is not.
        """
        if self.versions is not None and version not in self.versions:
            expected = max(self.versions, default=0)
            raise VersionConflictError(user_id=user_id, expected=expected, actual=version)
