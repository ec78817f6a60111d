"""What schemathesis cannot know from `/schema` alone.

Loaded by schemathesis itself, by its variable SCHEMATHESIS_HOOKS.
"""

import os
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from tests.integration.api.conformance_sample import Sample

WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
# The general strategy of the format makes addresses that no mailbox has, such as `"@"@[127.0.0.1]`.
schemathesis.openapi.format("email", st.builds("{}.{}@{}.example".format, WORD, WORD, WORD))


@schemathesis.hook
def before_call(ctx: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a valid request valid also beyond what a schema can say."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # A cursor is opaque: only a page gives one.
    if case.query:
        case.query.pop("cursor", None)
        # Up to a minute without an answer.
        case.query.pop("wait_s", None)
    # A key belongs to one request; another request with it is refused.
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex
    # One phase of schemathesis ignores the pattern of these headers.
    if not case.headers.get("Last-Event-ID", "0").isdecimal():
        case.headers["Last-Event-ID"] = "0"
    if '"' not in case.headers.get("If-Match", '"'):
        case.headers["If-Match"] = "*"


if "CONFORMANCE_SAMPLE" in os.environ:
    sample = Sample()

    @schemathesis.hook
    def filter_case(ctx: Any, case: Any) -> bool:
        """Leave out the cases of the description that say nothing new."""
        if case.meta is None or case.meta.phase.name.value != "coverage":
            return True
        rule = case.meta.phase.data
        place = (rule.parameter_location, rule.parameter, rule.location)
        return sample.takes(ctx.operation.label, str(rule.scenario), place)
