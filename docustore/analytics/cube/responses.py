"""A report as a response: JSON or CSV, or 304 if the client's copy is current."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec
from litestar import Response

from docustore.analytics.cube.freshness import Freshness
from docustore.analytics.cube.parameters import ReportFormat
from docustore.analytics.cube.tables import Table, csv_of

_TAG: Final = re.compile(r'(?:W/)?"([!#-~]*)"')
_DIGEST_BYTES: Final = 12
# The framework adds the charset.
CSV_TYPE: Final = "text/csv"


class Report(Protocol):
    """What a route answers with."""

    @property
    def freshness(self) -> Freshness:
        """How old the figures are."""

    def table(self) -> Table:
        """Return the figures as rows."""


R = TypeVar("R", bound=Report)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """In which form a client wants a report.

    `given` counts before the header `accept`. `if_none_match` names the copies that the client has.
    """

    given: ReportFormat | None
    accept: str | None
    if_none_match: str | None

    def response(self, report: R) -> Response[R]:
        """Make the response with a report.

        The tag is weak: it stands for the figures, not for the freshness beside them.
        """
        is_csv = self.given is ReportFormat.CSV or (self.given is None and prefers_csv(self.accept))
        tag = _digest(report, is_csv=is_csv)
        headers = {"ETag": f'W/"{tag}"', "Vary": "Accept"}
        answer: Response[Any]
        if _is_current(self.if_none_match, tag):
            answer = Response(None, status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
        elif is_csv:
            answer = Response(csv_of(report.table()), media_type=CSV_TYPE, headers=headers)
        else:
            answer = Response(report, headers=headers)
        return cast("Response[R]", answer)


def prefers_csv(accept: str | None) -> bool:
    """Tell whether the header names CSV and not JSON. Pure."""
    kinds = {part.split(";")[0].strip().lower() for part in (accept or "").split(",")}
    return "text/csv" in kinds and "application/json" not in kinds


def _digest(report: Report, *, is_csv: bool) -> str:
    figures = {name: getattr(report, name) for name in report.__struct_fields__ if name != "freshness"}  # type: ignore[attr-defined]  # a msgspec structure
    about = (is_csv, report.freshness.source, report.freshness.state)
    return blake2b(msgspec.json.encode((about, figures)), digest_size=_DIGEST_BYTES).hexdigest()


def _is_current(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
