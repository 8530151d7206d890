"""Secrets are masked wherever they turn up."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.redaction import MASK, Redactor

LETTERS = st.text("abcdef/@ ", min_size=4, max_size=8)


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    for secret in secrets:
        made.add(secret)
    return made


def test_every_occurrence_in_text_is_masked() -> None:
    text = redactor("hunter22").text("hunter22 and postgresql://u:hunter22@h/d")
    assert text == f"{MASK} and postgresql://u:{MASK}@h/d"


def test_the_url_quoted_form_is_masked_too() -> None:
    assert redactor("p@ss/word").text("//u:p%40ss%2Fword@h p@ss/word") == f"//u:{MASK}@h {MASK}"


def test_keys_and_values_are_masked_at_any_depth() -> None:
    data = {"hunter22": ["x", {"deep": ("hunter22!", 1, None, True, 2.5)}]}
    assert redactor("hunter22").data(data) == {
        MASK: ["x", {"deep": [f"{MASK}!", 1, None, True, 2.5]}]
    }


def test_the_data_itself_is_left_alone() -> None:
    data = {"a": ["hunter22"]}
    redactor("hunter22").data(data)
    assert data == {"a": ["hunter22"]}


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_values_too_short_to_be_secrets_are_left(secret: str) -> None:
    assert redactor(secret).text("abc a b c") == "abc a b c"


@pytest.mark.parametrize("order", [("secret", "secret-long"), ("secret-long", "secret")])
def test_a_secret_that_contains_another_is_masked_whole(order: tuple[str, str]) -> None:
    assert redactor(*order).text("secret-long secret") == f"{MASK} {MASK}"


@pytest.mark.parametrize("order", [("abcd", "cdefx"), ("cdefx", "abcd")])
def test_secrets_that_overlap_leave_nothing_of_either(order: tuple[str, str]) -> None:
    assert redactor(*order).text("abcdefx") == MASK
    assert redactor(*order).text("to abcdefx, abcd") == f"to {MASK}, {MASK}"


def test_the_password_of_a_url_is_learned() -> None:
    learned = Redactor()
    learned.add_password_of("postgresql://anna:hunter%4022@h/d")
    assert learned.text("hunter@22 hunter%4022 anna") == f"{MASK} {MASK} anna"


@pytest.mark.parametrize("url", ["", "text", "postgresql://anna@h/d", "http://[::1", "http://h:x"])
def test_what_holds_no_password_teaches_nothing(url: str) -> None:
    learned = Redactor()
    learned.add_password_of(url)
    assert learned.text(f"{url} anna") == f"{url} anna"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor().data({"a": ["b", 1]}) == {"a": ["b", 1]}


@given(st.lists(LETTERS, min_size=1, max_size=4), st.lists(st.text("abcdef/@ ", max_size=6)))
def test_no_known_secret_is_left_in_any_text(secrets: list[str], between: list[str]) -> None:
    text = "".join(part + secret for part in between for secret in secrets)
    masked = redactor(*secrets).text(text)
    for secret in secrets:
        assert secret not in masked
        assert quote(secret, safe="") not in masked
