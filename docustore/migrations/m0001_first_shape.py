"""The shape of all users from before there were migrations. Pure."""

from typing import Final

from docustore.migrations.migration import Migration, Phase

MIGRATION: Final = Migration(
    number=1,
    name="first_shape",
    phase=Phase.EXPAND,
    summary="the shape from before there were migrations; moves nothing",
)
