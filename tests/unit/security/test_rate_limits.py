import pytest

from docustore.security.rate_limits import Limit, Policy, address_subject, limits_of, moved

LIMIT = Limit(policy=Policy.AUTH, quota=3)
INTERVAL_US = 20_000_000
NOW_US = 1_000_000_000


def test_whole_quota_at_once_then_refused() -> None:
    arrival, allowed = None, []
    for _ in range(5):
        is_allowed, arrival = moved(arrival, now_us=NOW_US, limit=LIMIT, cost=1)
        allowed.append(is_allowed)

    assert allowed == [True, True, True, False, False]
    assert arrival == NOW_US + 3 * INTERVAL_US


def test_one_request_is_free_after_one_interval() -> None:
    full = NOW_US + 3 * INTERVAL_US

    early, _ = moved(full, now_us=NOW_US + INTERVAL_US - 1, limit=LIMIT, cost=1)
    late, _ = moved(full, now_us=NOW_US + INTERVAL_US, limit=LIMIT, cost=1)

    assert (early, late) == (False, True)


def test_given_back_request_can_be_taken_again() -> None:
    full = NOW_US + 3 * INTERVAL_US

    _, after = moved(full, now_us=NOW_US, limit=LIMIT, cost=-1)
    is_allowed, _ = moved(after, now_us=NOW_US, limit=LIMIT, cost=1)

    assert is_allowed


def test_giving_back_never_saves_up() -> None:
    assert moved(None, now_us=NOW_US, limit=LIMIT, cost=-1) == (True, NOW_US)
    assert moved(NOW_US - 5, now_us=NOW_US, limit=LIMIT, cost=0) == (True, NOW_US)


@pytest.mark.parametrize(
    ("backlog", "remaining", "reset_s", "retry_after_s"),
    [(0, 3, 0, 0), (1, 2, 20, 0), (1.5, 1, 30, 0), (2, 1, 40, 0), (2.05, 0, 41, 1), (3, 0, 60, 20)],
)
def test_verdict_says_what_is_left(backlog: float, remaining: int, reset_s: int, retry_after_s: int) -> None:
    verdict = LIMIT.verdict(is_allowed=True, backlog_us=int(backlog * INTERVAL_US))

    assert (verdict.remaining, verdict.reset_s, verdict.retry_after_s) == (remaining, reset_s, retry_after_s)


def test_header_fields_are_structured_fields() -> None:
    verdict = LIMIT.verdict(is_allowed=True, backlog_us=INTERVAL_US)

    assert verdict.headers() == {"RateLimit-Policy": '"auth";q=3;w=60', "RateLimit": '"auth";r=2;t=20'}


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_ipv6_hosts_of_one_network_are_one_subject(address: str, subject: str) -> None:
    assert address_subject(address) == subject


def test_quota_of_zero_is_no_limit() -> None:
    assert limits_of({Policy.AUTH: 0, Policy.SEARCH: 7}) == {Policy.SEARCH: Limit(policy=Policy.SEARCH, quota=7)}
