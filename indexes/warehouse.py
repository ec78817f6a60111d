"""The views of the warehouse over history."""

from collections.abc import Iterable
from typing import Final

from docustore.config import Settings
from docustore.history.models import HISTORY
from docustore.warehouse.tracked import tracked_fields
from docustore.warehouse.views import (
    DIM_DATE,
    DIM_USER,
    FACT_USER_EVENTS,
    dim_date_pipeline,
    dim_user_pipeline,
    fact_user_events_pipeline,
)
from indexes.declaration import ViewDeclaration


def warehouse_views(tracked: Iterable[str]) -> tuple[ViewDeclaration, ...]:
    """Declare the views; `dim_user` has the tracked fields."""
    return (
        ViewDeclaration(name=DIM_USER, on=HISTORY, pipeline=dim_user_pipeline(tracked_fields(tracked))),
        ViewDeclaration(name=FACT_USER_EVENTS, on=HISTORY, pipeline=fact_user_events_pipeline()),
        ViewDeclaration(name=DIM_DATE, on=HISTORY, pipeline=dim_date_pipeline()),
    )


DEFAULT_TRACKED: Final[tuple[str, ...]] = Settings.model_fields["warehouse_tracked"].default
