"""The sample of the conformance test leaves out only what another case shows."""

from tests.integration.api.conformance_sample import Sample

BODY = ("body", None, "/properties/email")
LIMIT = ("query", "limit", None)


def test_operation_meets_each_kind_of_rule() -> None:
    sample = Sample()

    assert sample.takes("GET /users", "incorrect_type", LIMIT)
    assert sample.takes("GET /runs", "incorrect_type", LIMIT)
    assert sample.takes("GET /runs", "value_above_maximum", LIMIT)


def test_parameter_meets_each_of_its_rules() -> None:
    sample = Sample()

    assert sample.takes("POST /users", "incorrect_type", LIMIT)
    assert sample.takes("POST /users", "incorrect_type", BODY)


def test_known_rule_of_known_parameter_is_left_out() -> None:
    sample = Sample()
    for operation, place in (("POST /users", BODY), ("POST /users", LIMIT), ("PUT /users", BODY)):
        sample.takes(operation, "incorrect_type", place)

    assert not sample.takes("POST /users", "incorrect_type", LIMIT)
    assert not sample.takes("PUT /users", "incorrect_type", LIMIT)
