"""The parameters and headers of the user routes, with their OpenAPI texts."""

import re
from datetime import datetime
from typing import Annotated, Final

from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter, SkipValidation

from docustore.api.pagination import MAX_LIMIT
from docustore.clock import as_utc
from docustore.users.idempotency import KEY_PATTERN
from docustore.users.keyset import UserSort
from docustore.users.listing import Counting, UserFilter
from docustore.users.preconditions import IF_MATCH_PATTERN
from docustore.users.profile import UserStatus
from docustore.users.search_filter import MAX_OFFSET, MAX_QUERY_CHARS, QUERY_PATTERN


def if_match_parameter(description: str) -> ParameterKwarg:
    """Declare the header `If-Match` of a route that writes a document with a version."""
    return HeaderParameter(name="If-Match", schema_extra={"pattern": IF_MATCH_PATTERN}, description=description)


UserId = Annotated[str, PathParameter(description="the user's `id`")]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="maximum number of users on one page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before; send the same query")]
CreatedFrom = Annotated[
    datetime | None, QueryParameter(name="created_at[gte]", description="registered at or after")
]
CreatedAfter = Annotated[datetime | None, QueryParameter(name="created_at[gt]", description="registered after")]
CreatedBefore = Annotated[datetime | None, QueryParameter(name="created_at[lt]", description="registered before")]
CreatedUntil = Annotated[
    datetime | None, QueryParameter(name="created_at[lte]", description="registered at or before")
]
Sort = Annotated[UserSort, QueryParameter(description="`-created_at` = newest first, `created_at` = oldest first")]
Status = Annotated[UserStatus | None, QueryParameter(description="only users with this status")]
Role = Annotated[str | None, QueryParameter(description="only users with this role")]
Tag = Annotated[str | None, QueryParameter(description="only users with this tag")]
Location = Annotated[str | None, QueryParameter(description="only users with exactly this location")]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="`count=exact` or `count=estimated` adds `total`. An estimate is fast: without filters it may "
        "include deleted users; with filters it is at most 10,001.",
    ),
]
AsOf = Annotated[
    datetime | None,
    QueryParameter(description="a time: answer with the state of then; `As-Of-State` tells whether it is proven"),
]
SearchText = Annotated[
    str,
    QueryParameter(
        name="q",
        max_length=MAX_QUERY_CHARS,
        schema_extra={"pattern": QUERY_PATTERN},
        description="word prefixes of names or e-mail addresses; case and accents are ignored",
    ),
]
Offset = Annotated[
    int, QueryParameter(ge=0, le=MAX_OFFSET, description="users to skip; use `cursor` to go deeper")
]
IfMatchHeader = Annotated[
    str | None, if_match_parameter("the `ETag` of the version to change, or `*` for any version")
]
IfNoneMatchHeader = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="the `ETag` of your copy; 304 if it is current"),
]
IdempotencyKeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        schema_extra={"pattern": KEY_PATTERN},
        description="a unique key for this request, such as a UUID; a repetition within 24 hours creates no "
        "second user and returns the first one",
    ),
]

Which = NamedDependency[SkipValidation[UserFilter]]


def user_filter(  # noqa: PLR0913  # each one is a query parameter
    *,
    status: Status = None,
    role: Role = None,
    tag: Tag = None,
    location: Location = None,
    created_from: CreatedFrom = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    created_until: CreatedUntil = None,
) -> UserFilter:
    """Read which users a request is about."""
    return UserFilter(
        status=status,
        role=role,
        tag=tag,
        location=location,
        created_from=created_from and as_utc(created_from),
        created_after=created_after and as_utc(created_after),
        created_before=created_before and as_utc(created_before),
        created_until=created_until and as_utc(created_until),
    )


# Of a route with a parameter `which: Which`.
TAKES_FILTER: Final = {"which": Provide(user_filter, sync_to_thread=False)}

_COUNT: Final = re.compile(r'(?:^|[,;\s])count\s*=\s*"?(estimated|exact)"?(?:$|[,;\s])', re.IGNORECASE)


def counting_of(prefer: str | None) -> Counting | None:
    """Read `Prefer: count=...` (RFC 7240); an unknown preference is ignored."""
    found = _COUNT.search(prefer or "")
    return Counting(found[1].lower()) if found else None
