from docustore.api.entity_tags import entity_tag


def test_version_is_a_strong_entity_tag() -> None:
    assert entity_tag(4) == '"4"'
