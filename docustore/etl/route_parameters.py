"""The parameters and headers of the ETL's routes, with their OpenAPI texts."""

from typing import Annotated, Final

from litestar.datastructures import ResponseHeader
from litestar.params import PathParameter, QueryParameter

RunId = Annotated[str, PathParameter(description="the `id` of the run")]
SourceName = Annotated[str, PathParameter(description="the source's name in the settings")]
SourceFilter = Annotated[str | None, QueryParameter(description="a source's name; all sources if absent")]
RUN_LOCATION: Final = ResponseHeader(name="Location", description="the run's path", documentation_only=True)
