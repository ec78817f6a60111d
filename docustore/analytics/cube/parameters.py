"""The parameters of the analytics routes, with their OpenAPI texts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from docustore.analytics.cube.answers import MAX_TOP
from docustore.analytics.cube.buckets import BucketUnit, Weekday
from docustore.analytics.cube.scope import Comparison


class DimensionName(StrEnum):
    """What users are counted by; the names of `docustore.analytics.dimensions`."""

    STATUS = "status"
    SOURCE = "source"
    LOCATION = "location"
    LANGUAGE = "language"
    THEME = "theme"
    ROLE = "role"
    TAG = "tag"
    COMPLETENESS = "completeness"
    EMAIL_DOMAIN = "email_domain"


class ReportFormat(StrEnum):
    """The form of a report."""

    JSON = "json"
    CSV = "csv"


Since = Annotated[
    datetime | None,
    QueryParameter(name="from", description="the begin of the period; widened to a quarter of an hour"),
]
Until = Annotated[
    datetime | None,
    QueryParameter(name="to", description="the moment after the period; without it the period ends now"),
]
Unit = Annotated[BucketUnit, QueryParameter(name="bucket", description="local hours, days, weeks or months")]
TimeZone = Annotated[
    str, QueryParameter(max_length=100, description="the time zone of buckets, such as `Asia/Kolkata`")
]
WeekStart = Annotated[Weekday, QueryParameter(description="the first day of a week")]
Dimension = Annotated[DimensionName | None, QueryParameter(description="count users by the values of this")]
Top = Annotated[
    int,
    QueryParameter(ge=1, le=MAX_TOP, description="how many values are named; the others are summed as `other`"),
]
Compare = Annotated[
    Comparison | None,
    QueryParameter(
        description="also report an earlier period of equal elapsed time: `previous` ends where this one begins, "
        "`previous_weekdays` is moved by whole weeks"
    ),
]
IsExact = Annotated[
    bool, QueryParameter(name="exact", description="`true` looks at all users instead of counters; slow")
]
Format = Annotated[
    ReportFormat | None,
    QueryParameter(
        name="format", description="`csv` is also what `Accept: text/csv` asks for; safe for spreadsheets"
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="the `ETag` of your copy; 304 if its figures are current"),
]

ETAG: Final = ResponseHeader(
    name="ETag", description="the figures, whatever their freshness", documentation_only=True
)
NOT_MODIFIED: Final = {304: ResponseSpec(data_container=None, description="your copy is still current")}
