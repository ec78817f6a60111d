"""The parameters of routes that answer page by page."""

from typing import Annotated

from litestar.params import QueryParameter

from docustore.api.pagination import MAX_LIMIT

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="entries on one page")]
Cursor = Annotated[
    str | None, QueryParameter(description="`next_cursor` of the previous page, with the same query")
]
