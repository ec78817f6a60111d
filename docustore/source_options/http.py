"""Settings of paged HTTP services: the names that they use. Pure."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from docustore.source_options.kind import SourceAddress

Paging = Literal["cursor", "link", "page", "offset", "none"]


class HttpOptions(SourceAddress):
    """What a service calls its parameters, and where its answers have the records."""

    paging: Paging = Field(
        "cursor",
        description="`cursor`, `link` (the Link header, or a URL at `cursor_key`), `page`, `offset` or `none`",
    )
    records_key: str = Field(
        "users",
        description="path of the records in an answer, such as `data.items`; empty: the answer is an array",
    )
    cursor_key: str = Field("next_cursor", description="path of the next cursor; `\\.` is a dot within a name")
    time_key: str = Field("server_time", description="path of the service's time; the `Date` header if missing")
    total_key: str = Field("total", description="path of the number of all records, where the service tells it")
    limit_param: str = Field("limit", description="parameter for the number of records; empty: not sent")
    page_param: str | None = Field(
        None, description="parameter for the cursor, page or offset; `cursor`, `page` or `offset` if unset"
    )
    first_page: int = Field(1, ge=0, le=1, description="number of the first page")
    since_param: str = Field(
        "modified_since",
        description="parameter for the start of the window; empty: every run reads everything",
    )
    until_param: str = Field("until", description="parameter for the end of the window; empty: not sent")
    method: Literal["GET", "POST"] = Field("GET", description="`GET`, or `POST` with `body`")
    body: dict[str, Any] = Field(
        default_factory=dict,
        repr=False,
        description="JSON of a POST, with `{since}`, `{until}`, `{limit}`, `{page}`; replaces the parameters",
    )

    @model_validator(mode="after")
    def _body_needs_post(self) -> Self:
        if self.body and self.method != "POST":
            msg = 'body needs method = "POST"'
            raise ValueError(msg)
        return self
