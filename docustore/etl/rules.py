"""The rules for the records of a source, from its settings. Pure."""

from datetime import datetime, timedelta

from docustore.config import Settings
from docustore.etl.transform import RecordRules
from docustore.source_settings import SourceSettings


def record_rules(
    name: str, source: SourceSettings, settings: Settings, *, observed_at: datetime, now: datetime
) -> RecordRules:
    """Make the rules with which records of a source are read.

    Args:
        observed_at: The source's clock: the time of records without one.
    """
    return RecordRules(
        source=name,
        required=source.required,
        observed_at=observed_at,
        latest=max(observed_at, now) + timedelta(seconds=settings.etl_max_future_s),
        max_record_bytes=settings.etl_max_record_bytes,
    )
