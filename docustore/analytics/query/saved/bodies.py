"""The body of a saved query."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from docustore.analytics.query.model import QueryInput

MAX_DESCRIPTION_CHARS: Final = 500


class SavedQueryInput(BaseModel):
    """A question to save."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    query: QueryInput
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARS)] = Field("", description="what it is for")
