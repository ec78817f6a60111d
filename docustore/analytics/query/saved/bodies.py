"""The body of a saved query."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from docustore.analytics.query.model import QueryInput
from docustore.api.body_types import RequestBody

MAX_DESCRIPTION_CHARS: Final = 500


class SavedQueryInput(RequestBody):
    """A question to save."""

    model_config = ConfigDict(frozen=True)

    query: QueryInput
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARS)] = Field("", description="what it is for")
