"""What the answer of an endpoint means."""

from datetime import timedelta

import pytest

from docustore.webhooks.sender import outcome_of


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_is_delivered(status: int) -> None:
    assert outcome_of(status, None).error is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_endpoint_that_is_down_rests(status: int) -> None:
    outcome = outcome_of(status, "120")

    assert (outcome.is_down, outcome.retry_after) == (True, timedelta(minutes=2))


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 422])
def test_refusal_concerns_this_event_only(status: int) -> None:
    outcome = outcome_of(status, "120")

    assert outcome.error is not None
    assert (outcome.is_down, outcome.is_gone, outcome.retry_after) == (False, False, None)


def test_gone_ends_the_webhook() -> None:
    assert outcome_of(410, None).is_gone


def test_redirect_names_itself() -> None:
    assert "redirects are not followed" in str(outcome_of(302, None).error)
