import pytest

from docustore.embedded.children import next_delay_s


@pytest.mark.parametrize(
    ("previous_s", "uptime_s", "expected_s"),
    [(None, 0.0, 0.2), (0.2, 0.0, 0.4), (6.4, 1.0, 10.0), (10.0, 29.9, 10.0), (10.0, 30.0, 0.2)],
)
def test_restart_pauses_double_until_it_ran(previous_s: float | None, uptime_s: float, expected_s: float) -> None:
    assert next_delay_s(previous_s, uptime_s=uptime_s) == pytest.approx(expected_s)
