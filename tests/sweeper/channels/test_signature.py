"""The signature that Standard Webhooks asks for."""

from __future__ import annotations

import pytest

from store.errors import Invalid
from sweeper.channels.signature import sign


def test_the_signature_is_the_one_of_the_specification() -> None:
    # The vector of the Standard Webhooks specification; openssl dgst -sha256 -mac HMAC gives the same.
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_a", "whsec_é==="]
)
def test_a_secret_of_another_shape_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(Invalid) as caught:
        sign(secret, "id", 1, b"{}")

    assert str(caught.value) == "the signing secret is not whsec_ and base64"
