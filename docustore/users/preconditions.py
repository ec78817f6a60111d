"""Conditional requests on users: the version as an entity tag. Pure.

See: RFC 9110, sections 8.8.3 and 13.1.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from docustore.errors import FieldError, InvalidQueryError, PreconditionRequiredError, VersionConflictError

# The tag's expression does not start with white space: a search in a long run of it would take quadratic time.
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_TAGS: Final = re.compile(rf"\s*{_TAG.pattern}\s*(?:,\s*{_TAG.pattern}\s*)*")
# The same rule for the API's description, in ECMA 262.
IF_MATCH_PATTERN: Final = r'^\s*(?:\*|(?:W/)?"[!#-~]*"(?:\s*,\s*(?:W/)?"[!#-~]*")*)\s*$'
# A version is a 64-bit number without leading zeros. The API never returns any other tag.
_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}")


def is_current(if_none_match: str | None, *, version: int) -> bool:
    """Tell whether the client's copy is still current, so that the answer is 304."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or str(version) in (tag for _, tag in _TAG.findall(if_none_match))


@dataclass(frozen=True, slots=True, kw_only=True)
class IfMatch:
    """The versions that a writer accepts; `versions` None = any."""

    versions: frozenset[int] | None

    @classmethod
    def required(cls, header: str | None) -> Self:
        """Read the header of a write that requires it.

        Raises:
            PreconditionRequiredError: The header is missing.
            InvalidQueryError: The header is malformed.
        """
        if header is None:
            raise PreconditionRequiredError
        return cls.optional(header)

    @classmethod
    def optional(cls, header: str | None) -> Self:
        """Read the header of a write that does not require it; None = any version.

        Raises:
            InvalidQueryError: The header is malformed.
        """
        if header is None or header.strip() == "*":
            return cls(versions=None)
        if not _TAGS.fullmatch(header):
            detail = 'send an entity tag from an ETag header, such as "3"'
            raise InvalidQueryError((FieldError(pointer="/If-Match", code="malformed", detail=detail),))
        # A weak tag never matches (RFC 9110, 13.1.1). A tag that the API never returns does not match either.
        strong = (tag for weak, tag in _TAG.findall(header) if not weak)
        return cls(versions=frozenset(int(tag) for tag in strong if _VERSION.fullmatch(tag)))

    def check(self, *, user_id: str, version: int) -> None:
        """Check that the writer accepts the present version of the user.

        Raises:
            VersionConflictError: The writer does not accept it.
        """
        if self.versions is not None and version not in self.versions:
            expected = max(self.versions, default=0)
            raise VersionConflictError(user_id=user_id, expected=expected, actual=version)
