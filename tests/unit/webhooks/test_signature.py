"""Signatures are those of Standard Webhooks, as its own library verifies them."""

from base64 import b64decode
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from docustore.webhooks.signature import new_secret, signed_headers

BODY = b'{"type": "user.updated", "data": {}}'


def test_other_library_verifies_the_message() -> None:
    secret = new_secret()

    headers = signed_headers("12", BODY, secrets=[secret], at=datetime.now(UTC))

    assert Webhook(secret).verify(BODY, headers) == {"type": "user.updated", "data": {}}


def test_both_secrets_of_a_rotation_verify() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()

    headers = signed_headers("12", BODY, secrets=[new, old], at=datetime.now(UTC))

    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed(name: str) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    headers = signed_headers("12", BODY, secrets=[secret], at=now)

    headers[name] = {"webhook-id": "13", "webhook-timestamp": str(int(now.timestamp()) - 1)}[name]

    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_signature_is_the_published_example() -> None:
    """The example of the specification's libraries."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        at=datetime.fromtimestamp(1614265330, UTC),
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_secret_has_256_random_bits() -> None:
    secret = new_secret()

    assert secret.startswith("whsec_")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()
