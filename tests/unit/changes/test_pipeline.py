"""What the stream is asked for: its start, its images, and the fields that never leave the server."""

from typing import Any

import pytest
from bson.timestamp import Timestamp

from docustore.changes.effects.fields import ImageFields
from docustore.changes.pipeline import Images, StartPoint, change_pipeline

TOKEN = {"_data": "8200000001"}
AT = Timestamp(5, 1)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (StartPoint(), {}),
        (StartPoint(token=TOKEN), {"resumeAfter": TOKEN}),
        (StartPoint(start_at=AT), {"startAtOperationTime": AT}),
        (StartPoint(token=TOKEN, start_at=AT), {"resumeAfter": TOKEN}),
    ],
)
@pytest.mark.parametrize(
    ("images", "before"), [(Images.BOTH, {"fullDocumentBeforeChange": "whenAvailable"}), (Images.AFTER, {})]
)
def test_stream_opens_at_its_start_with_its_images(
    start: StartPoint, expected: dict[str, Any], images: Images, before: dict[str, Any]
) -> None:
    options = change_pipeline(start, images=images, fields=ImageFields())[0]["$changeStream"]

    assert options == {"fullDocument": "whenAvailable", **before, **expected}


def test_password_hash_is_dropped_on_the_server() -> None:
    dropped = change_pipeline(StartPoint(), images=Images.BOTH, fields=ImageFields())[-1]["$project"]

    assert dropped["after.password_hash"] == 0
    assert dropped["before.password_hash"] == 0
    assert set(dropped.values()) == {0}
