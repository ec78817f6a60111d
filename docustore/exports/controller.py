"""Routes that send users as files."""

from typing import Annotated

from litestar import Controller, get
from litestar.datastructures import ResponseHeader, State
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from docustore.api.problem import problems
from docustore.errors import ConfigurationError, FieldError, InvalidQueryError
from docustore.exports.export import begin_export, file_name, find_export
from docustore.exports.formats import ExportFormat, FileForm
from docustore.exports.models import ExportRecord
from docustore.exports.order import ExportOrder
from docustore.security.authentication import AuthorisedRequest, limited
from docustore.security.rate_limits import Policy
from docustore.security.route_limits import RATE_LIMIT_HEADERS
from docustore.users.query_parameters import TAKES_FILTER, Which

Format = Annotated[
    ExportFormat,
    QueryParameter(name="format", description="`ndjson`, `csv` (safe for spreadsheets) or `parquet`"),
]
Gzip = Annotated[bool, QueryParameter(name="gzip", description="compress the file; not for Parquet")]
ExportId = Annotated[str, PathParameter(description="the header `Export-Id` of an export")]
EXPORT_ID = ResponseHeader(
    name="Export-Id", description="`/export/{id}` tells the rows and the digest", documentation_only=True
)
DISPOSITION = ResponseHeader(
    name="Content-Disposition", description="a name for the file", documentation_only=True
)


class ExportController(Controller):
    """Files of users."""

    path = "/export"
    tags = ("export",)

    @get(
        "/users",
        opt=limited(Policy.EXPORT),
        dependencies=TAKES_FILTER,
        responses=problems(),
        response_headers=[EXPORT_ID, DISPOSITION, *RATE_LIMIT_HEADERS],
        media_type="application/octet-stream",
        operation_id="export_users",
        summary="Export users",
    )
    async def users(
        self,
        request: AuthorisedRequest,
        state: State,
        *,
        export_format: Format = ExportFormat.NDJSON,
        is_gzip: Gzip = False,
        which: Which,
    ) -> Stream:
        """Send all users that match, as of one moment, in the order of their ids.

        The type of the body is that of the format: `application/x-ndjson`, `text/csv`,
        `application/vnd.apache.parquet`, or `application/gzip`. Afterwards `GET /export/{id}`, with the id of the
        header `Export-Id`, tells the number of users and the SHA-256 of the file. A body that ends early is not
        complete: the connection ends without the last chunk, and the export is never `complete`.
        """
        order = ExportOrder(which=which, form=FileForm(format=export_format, is_gzip=is_gzip))
        try:
            export = await begin_export(state.database, order, actor=request.auth.actor)
        except ConfigurationError as exc:
            error = FieldError(pointer="/format", code="not_installed", detail=exc.problem)
            raise InvalidQueryError((error,)) from exc
        headers = {
            # Not `media_type`: that of the handler would count.
            "Content-Type": order.form.media_type,
            "Export-Id": str(export.id),
            "Content-Disposition": f'attachment; filename="{file_name(order, export.moment.as_of)}"',
        }
        return Stream(export.chunks(), headers=headers)

    @get(
        "/{export_id:str}",
        responses=problems(404),
        operation_id="get_export",
        summary="Read the result of an export",
    )
    async def result(self, state: State, export_id: ExportId) -> ExportRecord:
        """Tell whether an export is complete, with its rows and the SHA-256 of its bytes.

        The result is kept for 90 days.
        """
        return await find_export(state.database, export_id)
