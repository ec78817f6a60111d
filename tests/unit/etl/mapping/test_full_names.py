"""First and last name from one text."""

import pytest

from docustore.etl.mapping.full_names import NameOrder, split_name


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Jane Doe", "Jane", "Doe"),
        ("  Jane   Mary \t Doe ", "Jane Mary", "Doe"),
        ("Doe, Jane", "Jane", "Doe"),
        ("van der Doe,Jane Mary", "Jane Mary", "van der Doe"),
        ("Jane van der Doe", "Jane", "van der Doe"),
        ("Jean-Claude Van Damme", "Jean-Claude", "Van Damme"),
        ("Maria del Carmen Garcia", "Maria del Carmen", "Garcia"),
        ("José Ortega y Gasset", "José", "Ortega y Gasset"),
        ("Ortega y Gasset", "Ortega", "y Gasset"),
        ("Jane Doe, Jr.", "Jane", "Doe Jr."),
        ("Jane Doe Jr", "Jane", "Doe Jr"),
        ("Jane Doe, Ph.D.", "Jane", "Doe Ph.D."),
        ("van Gogh", "", "van Gogh"),
        ("van der Doe", "", "van der Doe"),
        ("Plato", "Plato", ""),
        ("van", "van", ""),
        ("Doe,", "", "Doe"),
        (",Jane", "Jane", ""),
        (" ", "", ""),
    ],
)
def test_order_is_found(full_name: str, first: str, last: str) -> None:
    assert split_name(full_name, NameOrder.AUTO) == (first, last)


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Doe Jane Mary", "Jane Mary", "Doe"),
        ("van der Doe Jane", "Jane", "van der Doe"),
        ("Doe, Jane", "Jane", "Doe"),
        ("Doe", "", "Doe"),
        ("van der", "", "van der"),
        ("", "", ""),
    ],
)
def test_last_name_first(full_name: str, first: str, last: str) -> None:
    assert split_name(full_name, NameOrder.LAST_FIRST) == (first, last)


def test_comma_ends_the_last_name_in_every_order() -> None:
    assert split_name("Doe, Jane", NameOrder.FIRST_LAST) == ("Jane", "Doe")
