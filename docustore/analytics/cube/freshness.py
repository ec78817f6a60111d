"""How old an answer is, and where it comes from."""

from datetime import datetime
from enum import StrEnum

import msgspec

from docustore.effect_states import EffectState


class AnswerSource(StrEnum):
    """Where figures come from: counters that changes move, or all users."""

    MART = "mart"
    PIPELINE = "pipeline"


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says about itself.

    `state` is that of the counters: only `live` ones count every user; they are `building` for a while after an
    update, and `absent` before a listener has run. `as_of` is the time of the last change that counts. `lag_s` is
    the age of that change while newer ones wait to be counted, else 0.
    """

    source: AnswerSource
    state: str
    as_of: datetime | None
    lag_s: float


def freshness_of(state: EffectState | None, *, committed: int, now: datetime) -> Freshness:
    """Tell how fresh counters with this state are. Pure."""
    if state is None:
        return Freshness(source=AnswerSource.MART, state="absent", as_of=None, lag_s=0.0)
    lag_s = 0.0
    if state.seq < committed and state.as_of is not None:
        lag_s = max((now - state.as_of).total_seconds(), 0.001)
    return Freshness(source=AnswerSource.MART, state=state.state.value, as_of=state.as_of, lag_s=round(lag_s, 3))


def pipeline_freshness(*, now: datetime) -> Freshness:
    """Describe an answer that looks at all users."""
    return Freshness(source=AnswerSource.PIPELINE, state="live", as_of=now, lag_s=0.0)
