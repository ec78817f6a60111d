"""E-mail addresses are normalised and checked by one function."""

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from docustore.users.email import EmailMalformedError, normalise_email

_texts = st.one_of(
    st.emails(),
    st.text(alphabet="ab0.-_+@'\" ü[]", max_size=24),
    st.from_regex(r"[a-z0-9._+-]{1,70}@[a-z0-9.-]{1,80}\.[a-z]{1,5}", fullmatch=True),
)


@given(_texts)
def test_accepts_only_what_the_validator_accepts(text: str) -> None:
    """The fast path for common addresses must not accept more than the validator."""
    try:
        email = normalise_email(text)
    except EmailMalformedError:
        return

    assert validate_email(email, check_deliverability=False, globally_deliverable=False)


@given(_texts)
def test_is_idempotent(text: str) -> None:
    try:
        email = normalise_email(text)
    except EmailMalformedError:
        return

    assert normalise_email(email) == email


@pytest.mark.parametrize(
    ("raw", "email"),
    [
        (" ADA@Example.ORG ", "ada@example.org"),
        ("x@xn--bcher-kva.example", "x@bücher.example"),
        ("jörg@example.org", "jörg@example.org"),
        ("a@intranet.local", "a@intranet.local"),
        ("jörg@intranet.x1", "jörg@intranet.x1"),
        ("jörg@intranet.local", "jörg@intranet.local"),
        ("jörg@example.test", "jörg@example.test"),
    ],
)
def test_normal_forms(raw: str, email: str) -> None:
    assert normalise_email(raw) == email


@pytest.mark.parametrize(
    "raw", ["", "ada", "ada@", "@example.org", "ada@localhost", "a b@example.org", "a@b@c.org"]
)
def test_malformed(raw: str) -> None:
    with pytest.raises(EmailMalformedError):
        normalise_email(raw)


def test_message_does_not_quote_the_address() -> None:
    with pytest.raises(EmailMalformedError) as refused:
        normalise_email("secret name@example.org")

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("local", ["a(b", "a(b)c;d", "a'(b"])
def test_message_is_a_sentence_without_the_characters(local: str) -> None:
    """A list of them read `before the @-sign: …, ….`."""
    with pytest.raises(EmailMalformedError) as refused:
        normalise_email(f"{local}@example.org")

    assert str(refused.value) == "The email address contains invalid characters before the @-sign."


@pytest.mark.parametrize("raw", ["a" * 1_000_000, f"{'(' * 1_000_000}@example.org"])
def test_very_long_text_is_refused_at_once(raw: str) -> None:
    """The full validator takes a second for some long texts; it would block a request or a run."""
    with pytest.raises(EmailMalformedError, match="the address is longer than 254 characters"):
        normalise_email(raw)


def _address(chars: int) -> str:
    """An address of this length that the fast path takes for a common one."""
    domain = ".".join(["d" * 60] * 4)[: chars - 65 - len(".org")]
    return f"{'a' * 64}@{domain}.org"


def test_address_of_254_characters_is_the_longest() -> None:
    """RFC 5321 bounds a path, angle brackets included, to 256 octets."""
    assert normalise_email(_address(254)) == _address(254)
    with pytest.raises(EmailMalformedError):
        normalise_email(_address(255))


@pytest.mark.parametrize(("chars", "is_unread"), [(1016, False), (1017, True)])
def test_text_above_four_addresses_is_not_read(chars: int, *, is_unread: bool) -> None:
    with pytest.raises(EmailMalformedError) as refused:
        normalise_email("a" * chars)

    assert (str(refused.value) == "the address is longer than 254 characters") is is_unread
