"""Secrets are masked wherever they turn up."""

import base64
import json
from typing import Any
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


def learned_from(data: Any, **options: Any) -> Redactor:
    made = Redactor()
    made.learn(data, **options)
    return made


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        ("postgresql://anna:p!ss%40w0rd@h/d", ["p!ss%40w0rd", "p!ss@w0rd", "p%21ss%40w0rd"]),
        ("postgresql://anna:a%2fb%2fc@h/d", ["a%2fb%2fc", "a%2Fb%2Fc", "a/b/c"]),
        ("postgresql://anna@h/d?password=hunter%2f22", ["hunter%2f22", "hunter/22"]),
        ("postgresql://anna:hun/ter#22@h/d", ["hun/ter#22"]),
        ("postgresql://anna:1234/x22@h/d", ["1234/x22"]),
        ("amqp://:hunter22@h:5672/v", ["hunter22"]),
        ("jdbc:postgresql://h/d?user=anna&password=hunter22", ["hunter22"]),
        ("run --url=postgresql://anna:hunter22@h/d --more", ["hunter22"]),
        ("postgresql://anna:first-1@h/d postgresql://otto:second-2@h/d", ["first-1", "second-2"]),
        ("host=h user=anna password=hunter22 dbname=d", ["hunter22"]),
        (r"host=h user=anna password = 'hun\'ter 22'", ["hun'ter 22", r"hun\'ter 22"]),
        ("Server=h;User Id=anna;Password=hunter22;", ["hunter22"]),
    ],
)
def test_passwords_in_addresses_are_learned_as_typed_and_as_meant(
    url: str, passwords: list[str]
) -> None:
    redactor = learned_from({"address": url})
    assert [redactor.text(password) for password in passwords] == [MASK] * len(passwords)
    assert redactor.text("anna@h:5672/v/d") == "anna@h:5672/v/d"


@pytest.mark.parametrize(
    "key",
    [
        "DB_PASS", "DBPASS", "dbPass", "smtp-pass", "PASS", "AUTHORIZATION", "Authorization",
        "Proxy-Authorization", "COOKIE", "Set-Cookie", "X-API-Key", "API_KEY", "apikey",
        "AWS_SECRET_ACCESS_KEY", "storage_access_key", "X-Auth-Token", "DB_PWD", "database-dsn",
    ],
)  # fmt: skip
def test_telling_keys(key: str) -> None:
    assert learned_from({key: "hunter22"}).text("hunter22") == MASK


@pytest.mark.parametrize(
    "key",
    [
        "BYPASS", "compass", "passed", "pass_rate", "passing", "test_passes", "passenger",
        "authorization_url", "author", "cookie_name", "cookies_seen", "monkey", "key",
        "access_key_id", "OLDPWD",
    ],
)  # fmt: skip
def test_keys_that_only_sound_like_it(key: str) -> None:
    assert learned_from({key: "enabled-22"}).text("enabled-22") == "enabled-22"


def test_the_folder_of_a_shell_is_no_secret_of_its_environment() -> None:
    redactor = Redactor()
    redactor.learn_environment({"PWD": "/srv/shop", "OLDPWD": "/srv/till", "DB_PWD": "hunter22"})
    told = "/srv/shop/run.py /srv/till hunter22"
    assert redactor.text(told) == f"/srv/shop/run.py /srv/till {MASK}"


def test_text_that_is_json_counts_as_what_it_says() -> None:
    environment = {"CHAOSNETRA_TARGET_ENVIRONMENT": '{"API_TOKEN": "hunter22", "MODE": "careful"}'}
    redactor = learned_from(environment, shortest=8)
    assert redactor.text("hunter22 careful") == f"{MASK} careful"


def test_a_key_of_a_service_account_masks_its_key_and_not_its_project() -> None:
    account = {"project_id": "our-project", "private_key": "-----BEGIN\nabcdefgh12\n-----END"}
    redactor = learned_from({"GOOGLE_CREDENTIALS": json.dumps(account)})
    assert redactor.text("our-project abcdefgh12") == f"our-project {MASK}"
    assert redactor.text(json.dumps(account)) == MASK


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": ' * 900 + "1" + "}" * 900, "[]"])
def test_text_that_only_looks_like_json_is_text(text: str) -> None:
    assert learned_from({"some_token": text}).text(f"say {text}").startswith("say ")


def test_the_token_of_a_header_is_masked_alone_too() -> None:
    redactor = learned_from({"headers": {"Authorization": "Bearer hunter22.abc"}})
    assert redactor.text("Bearer hunter22.abc; hunter22.abc") == f"{MASK}; {MASK}"


def test_what_only_stands_for_a_secret_is_left() -> None:
    templates = {"PGPASSWORD": "{password}", "token": "${token}"}
    url = "postgresql://{user}:{password_quoted}@{host}/d"
    redactor = learned_from({"target_environment": templates, "url": url})
    assert redactor.data(templates) == templates
    assert redactor.text(url) == url


def test_numbers_that_are_secrets_are_masked_and_no_others() -> None:
    redactor = learned_from({"vault": {"pin": 482_915, "on": True, "port": 5432}}, secret=True)
    assert redactor.data([482_915, 5432, True, 4_829_151]) == [MASK, 5432, True, 4_829_151]
    assert redactor.text("pin 482915.") == f"pin {MASK}."
    assert redactor.text("0.482915 14829150 5432") == "0.482915 14829150 5432"


def test_the_lines_of_a_secret_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\n  MIIEvQIBADANBg\n  kqhkiG9w0BAQEF\n-----END KEY-----\n"
    redactor = learned_from({"private_key": key})
    assert redactor.text("read MIIEvQIBADANBg") == f"read {MASK}"
    assert redactor.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"
    assert "kqhkiG9w0BAQEF" not in redactor.text(json.dumps(key))


@pytest.mark.parametrize("secret", ['hun"ter', "hun\\ter", "hünter", "hun'ter\"", "hun\tter"])
def test_a_secret_within_a_string_of_json_or_python_is_masked(secret: str) -> None:
    made = redactor(secret)
    for text in (json.dumps([secret]), json.dumps([secret], ensure_ascii=False), repr([secret])):
        assert made.text(text)[2:-2] == MASK


def test_a_variable_that_is_not_utf_8_is_masked() -> None:
    assert learned_from({"TOKEN": "hunter\udcff22"}).text("hunter\udcff22") == MASK


def test_hostile_text_is_learned_in_no_time() -> None:
    for text in ("://:" * 100_000, "a" * 400_000 + "://", "password='" * 50_000 + " host="):
        learned_from({"x": text})
    learned_from({"x": base64.b64encode(b"x" * 300_000).decode() + "://@"})


def test_without_secrets_nothing_changes() -> None:
    assert Redactor().data({"a": ["b", 1]}) == {"a": ["b", 1]}


@given(st.lists(LETTERS, min_size=1, max_size=4), st.lists(st.text("abcdef/@ ", max_size=6)))
def test_no_known_secret_is_left_in_any_text(secrets: list[str], between: list[str]) -> None:
    text = "".join(part + secret for part in between for secret in secrets)
    masked = redactor(*secrets).text(text)
    for secret in secrets:
        assert secret not in masked
        assert quote(secret, safe="") not in masked
