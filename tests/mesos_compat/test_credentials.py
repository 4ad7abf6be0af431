"""Credentials, HTTP authentication, tokens and rate limits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat import credentials
from mesos_compat.errors import FlagError
from mesos_compat.wire.v1 import mesos_pb2

KEY = b"an agent's key"
NOW = 1_700_000_000


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


KNOWN = credentials.parse_credentials(
    '{"credentials": [{"principal": "p", "secret": "s:1"}, {"principal": "q", "secret": "é"}]}'
)


@pytest.mark.parametrize(
    ("header", "principal"),
    [
        (basic("p:s:1"), "p"),
        (basic("q:é"), "q"),
        (basic("p:s:1").replace("Basic", "basic"), "p"),
        (basic("p:s:2"), None),
        (basic("p:"), None),
        (basic("p"), None),
        (basic("nobody:"), None),
        (basic("nobody:s:1"), None),
        (None, None),
        ("", None),
        ("Basic", None),
        ("Basic ???", None),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), None),
        ("Bearer " + basic("p:s:1")[6:], None),
    ],
)
def test_principals_are_who_know_their_secret(header: str | None, principal: str | None) -> None:
    assert KNOWN.check_basic(header) == principal


def test_agents_show_their_credential_as_masters_expect_it() -> None:
    own = credentials.parse_credential('{"principal": "p", "secret": "s:1"}')
    assert KNOWN.check_basic(credentials.basic_header(own)) == "p"
    assert credentials.basic_challenge("mesos-master-readwrite") == (
        'Basic realm="mesos-master-readwrite"'
    )


def test_secrets_are_not_shown() -> None:
    assert "s:1" not in repr(KNOWN)


def test_the_last_secret_of_a_principal_counts() -> None:
    known = credentials.parse_credentials(
        '{"credentials": [{"principal": "p", "secret": "a"}, {"principal": "p", "secret": "b"}]}'
    )
    assert known.check_basic(basic("p:a")) is None
    assert known.check_basic(basic("p:b")) == "p"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("p hunter2\nq hunter2\n", "older text format"),
        ("", "older text format"),
        ('[{"principal": "p"}]', "a JSON object is expected"),
        ('{"credentials": [{"principal": "p", "secret": "hunter2"', "syntax error"),
        ('{"credentials": [{"secret": "hunter2"}]}', "Missing required fields"),
        ('{"credentials": [{"principal": "p"}]}', "principal 'p' has no secret"),
        ('{"credentials": [{"principal": "", "secret": "hunter2"}]}', "has no principal"),
        ('{"credentials": [{"principal": "a:b", "secret": "hunter2"}]}', "has a colon"),
        ('{"credentials": {"principal": ["hunter2"]}}', "--http_credentials"),
    ],
)
def test_credentials_that_are_wrong_are_named_without_secrets(text: str, named: str) -> None:
    with pytest.raises(FlagError) as caught:
        credentials.parse_credentials(text, "http_credentials")
    assert str(caught.value).startswith("--http_credentials: ")
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_credential_that_is_wrong_is_named() -> None:
    with pytest.raises(FlagError, match=r"^--credential: principal 'p' has no secret"):
        credentials.parse_credential('{"principal": "p"}')


def test_credentials_keep_what_else_is_in_the_file() -> None:
    own = credentials.parse_credential('{"principal": "p", "secret": "s", "note": 1}')
    assert own == mesos_pb2.Credential(principal="p", secret="s")


CLAIMS = {"fid": "F", "eid": "e", "cid": "c"}


def token(header: object, payload: object, key: bytes = KEY) -> str:
    def encode(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    signed = f"{encode(header)}.{encode(payload)}"
    signature = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


HEADER = {"alg": "HS256", "typ": "JWT"}


def test_tokens_say_what_was_claimed() -> None:
    made = credentials.make_token(KEY, CLAIMS)
    assert credentials.read_token(KEY, made, NOW) == CLAIMS
    assert made.count(".") == 2
    assert "=" not in made


def test_tokens_of_others_are_read_too() -> None:
    # RFC 7515, A.1: the header and payload are not as we would write them.
    example = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    key = base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    )
    assert credentials.read_token(key, example, 1_300_819_380) == {
        "iss": "joe",
        "exp": "1300819380",
        "http://example.com/is_root": "true",
    }
    assert credentials.read_token(key, example, NOW) == (
        f"Token has expired: exp(1300819380) < now({NOW})"
    )


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("a.b", "Expected 3 components in token, got 2"),
        ("", "Expected 3 components in token, got 1"),
        ("?.e30.", "Failed to decode token header: Failed to base64url-decode"),
        ("é.e30.", "Failed to decode token header: Failed to base64url-decode"),
        (token([], CLAIMS), "Failed to decode token header: Unexpected JSON type parsed"),
        (
            token("{", CLAIMS),
            "Failed to decode token header: Failed to parse into JSON: syntax error at line 1"
            " near: ",
        ),
        (token({"typ": "JWT"}, CLAIMS), "Failed to locate 'alg' in token JSON header"),
        (token({"typ": 1, "alg": "HS256"}, CLAIMS), "Token 'typ' is not a string"),
        (token({"alg": 1}, CLAIMS), "Token 'alg' field is not a string"),
        (token({"alg": "HS512"}, CLAIMS), "Unsupported token algorithm: HS512"),
        (
            token({"alg": "none"}, CLAIMS),
            'Token \'alg\' value "none" does not match, expected "HS256"',
        ),
        (
            token({"alg": "RS256"}, CLAIMS),
            'Token \'alg\' value "RS256" does not match, expected "HS256"',
        ),
        (token({**HEADER, "crit": []}, CLAIMS), "Token 'crit' field is unsupported"),
        (token(HEADER, []), "Failed to decode token payload: Unexpected JSON type parsed"),
        (token(HEADER, CLAIMS, b"other key"), "Token signature does not match"),
        (token(HEADER, CLAIMS).rpartition(".")[0] + ".", "Token signature does not match"),
        (
            token(HEADER, CLAIMS).rpartition(".")[0] + ".?",
            "Failed to base64url-decode token signature",
        ),
        (token(HEADER, {**CLAIMS, "exp": "soon"}), "JSON payload 'exp' field is not a number"),
        (token(HEADER, {**CLAIMS, "exp": True}), "JSON payload 'exp' field is not a number"),
        (
            token(HEADER, {**CLAIMS, "exp": NOW - 1}),
            f"Token has expired: exp({NOW - 1}) < now({NOW})",
        ),
        (token(HEADER, {}), "JWT claims missing"),
    ],
)
def test_tokens_that_are_not_valid(given: str, fault: str) -> None:
    assert credentials.read_token(KEY, given, NOW) == fault


def test_tokens_are_valid_until_they_expire() -> None:
    assert credentials.read_token(KEY, token(HEADER, {"exp": NOW}), NOW) == {"exp": str(NOW)}


def test_no_key_of_whoever_knows_the_format_fits() -> None:
    """What is unsigned is not believed, whatever its header says."""
    unsigned = token({"alg": "none"}, CLAIMS).rpartition(".")[0] + "."
    assert isinstance(credentials.read_token(KEY, unsigned, NOW), str)


@given(st.dictionaries(st.text(), st.text(), min_size=1), st.binary(min_size=1))
def test_claims_survive_the_token(claims: dict[str, str], key: bytes) -> None:
    claims.pop("exp", None)
    claims["fid"] = "F"
    assert credentials.read_token(key, credentials.make_token(key, claims), NOW) == claims


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_token_that_was_changed_is_not_believed(position: int, character: str) -> None:
    made = credentials.make_token(KEY, CLAIMS)
    # The last character of the signature has bits that say nothing.
    index = position % (len(made) - 1)
    changed = made[:index] + character + made[index + 1 :]
    read = credentials.read_token(KEY, changed, NOW)
    assert read == CLAIMS if changed == made else isinstance(read, str)


@given(st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    assert isinstance(credentials.read_token(KEY, text, NOW), str)
    assert KNOWN.check_basic(text) is None


@pytest.mark.parametrize(
    ("header", "given", "challenge"),
    [
        (None, None, 'Bearer realm="r"'),
        (
            "Bearer a b",
            None,
            'Bearer realm="r", error="invalid_token",'
            " error_description=\"Malformed 'Authorization' header\"",
        ),
        (
            "Basic abc",
            None,
            'Bearer realm="r", error="invalid_token",'
            " error_description=\"Scheme 'Basic' unsupported\"",
        ),
        (
            "Bearer abc",
            "Token signature does not match",
            'Bearer realm="r", error="invalid_token",'
            ' error_description="Invalid JWT: Token signature does not match"',
        ),
        (
            "Bearer abc",
            "JWT claims missing",
            'Bearer realm="r", error="invalid_token", error_description="JWT claims missing"',
        ),
    ],
)
def test_who_is_not_let_in_is_told_why(
    header: str | None, given: str | None, challenge: str
) -> None:
    assert credentials.bearer_challenge("r", header, given) == challenge


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("Bearer", None),
        ("Bearer a b", None),
        ("Basic abc", None),
        (None, None),
    ],
)
def test_tokens_are_found_in_headers(header: str | None, found: str | None) -> None:
    assert credentials.bearer_token(header) == found
