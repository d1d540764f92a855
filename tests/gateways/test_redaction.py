from __future__ import annotations

from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from genesis_actors.gateways.redaction import MASK, Redactor, masked, secrets_in

CONFIG = {
    "apiKey": "AKID12345",
    "secret": "p/q+r s=%&",
    "password": "hunter22",
    "httpsProxy": "http://user:proxypw@localhost:8080",
    "urls": {"api": {"public": "http://127.0.0.1:9/api", "private": "http://127.0.0.1:9/p"}},
    "options": {"recvWindow": 5000, "brokerToken": "tok-123456"},
    "headers": {"X-Pass": "header-secret"},
}
SECRETS = ("AKID12345", "p/q+r s=%&", "hunter22", "proxypw", "tok-123456", "header-secret")


def test_everything_secret_of_a_config_is_known() -> None:
    found = set(secrets_in(CONFIG))

    assert found >= {*SECRETS, "user"}
    assert not any("127.0.0.1" in each for each in found)


def test_no_form_of_a_secret_is_left_in_a_text() -> None:
    redactor = Redactor.of_config(CONFIG)
    for secret in SECRETS:
        for form in (
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            repr(secret),
        ):
            text = redactor.text(ValueError(f"GET http://x/?k={form}&y=1 failed"))

            assert secret not in text
            assert form.strip("'") not in text
            assert MASK in text


def test_credentials_in_any_address_are_hidden() -> None:
    text = Redactor([]).text("postgresql://me:topsecret@db/x and http://u@h/")

    assert "topsecret" not in text
    assert "db/x" in text


def test_a_signature_is_nobodys_business() -> None:
    assert Redactor([]).text("GET /order?a=1&signature=ab12cd&b=2") == (
        "GET /order?a=1&signature=***&b=2"
    )


def test_a_config_is_shown_without_its_secrets() -> None:
    shown = masked(CONFIG)

    text = str(shown)
    assert not any(secret in text for secret in SECRETS)
    assert "http://127.0.0.1:9/api" in text
    assert "5000" in text


WITHOUT_STARS = st.characters(exclude_characters="*")


@given(secret=st.text(WITHOUT_STARS, min_size=4, max_size=40), around=st.text(max_size=20))
def test_a_secret_of_any_letters_is_found(secret: str, around: str) -> None:
    assert secret not in Redactor([secret]).text(f"{around} {secret} end")
