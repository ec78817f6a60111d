"""The parameters and headers of the user routes, as OpenAPI shows them."""

import re
from datetime import datetime
from typing import Annotated, Final

from litestar.params import HeaderParameter, PathParameter, QueryParameter

from docustore.users.listing import MAX_LIMIT, Counting, UserSort
from docustore.users.profile import UserStatus
from docustore.users.search import MAX_OFFSET, MAX_QUERY_CHARS

UserId = Annotated[str, PathParameter(description="the user's `id`")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="users on one page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before, with the same query")]
CreatedFrom = Annotated[
    datetime | None, QueryParameter(name="created_at[gte]", description="registered at or after")
]
CreatedAfter = Annotated[datetime | None, QueryParameter(name="created_at[gt]", description="registered after")]
CreatedBefore = Annotated[datetime | None, QueryParameter(name="created_at[lt]", description="registered before")]
CreatedUntil = Annotated[
    datetime | None, QueryParameter(name="created_at[lte]", description="registered at or before")
]
Sort = Annotated[UserSort, QueryParameter(description="`-created_at` = newest first, `created_at` = oldest first")]
Status = Annotated[UserStatus | None, QueryParameter(description="only users of this status")]
Role = Annotated[str | None, QueryParameter(description="only users with this role")]
Tag = Annotated[str | None, QueryParameter(description="only users with this tag")]
Location = Annotated[str | None, QueryParameter(description="only users of exactly this location")]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="`count=exact` or `count=estimated` adds `total`. An estimate costs little: without filters "
        "it may include deleted users, with filters it stops at 10,001.",
    ),
]
SearchText = Annotated[
    str,
    QueryParameter(
        name="q",
        max_length=MAX_QUERY_CHARS,
        description="beginnings of words of names or e-mail addresses, in any case, with or without accents",
    ),
]
Offset = Annotated[
    int, QueryParameter(ge=0, le=MAX_OFFSET, description="users to skip; use `cursor` to go deeper")
]
IfMatchHeader = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="the `ETag` of the version you change, or `*` for any"),
]
IfNoneMatchHeader = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="the `ETag` you have; 304 if it is still good")
]
IdempotencyKeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="a name of your own for this request, such as a UUID: sent again within 24 hours, the request "
        "makes no second user, and is answered with the first",
    ),
]

_COUNT: Final = re.compile(r'(?:^|[,;\s])count\s*=\s*"?(estimated|exact)"?(?:$|[,;\s])', re.IGNORECASE)


def counting_of(prefer: str | None) -> Counting | None:
    """Read `Prefer: count=...` (RFC 7240); a preference that is not known is ignored."""
    found = _COUNT.search(prefer or "")
    return Counting(found[1].lower()) if found else None
