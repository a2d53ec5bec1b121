"""A server that only this machine reaches answers to its own names only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.use.host_names import is_foreign, names_of

LOCAL = names_of("127.0.0.1", [])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "127.0.0.1:8000",
        "127.8.9.1",
        "[::1]:1",
    ],
)
def test_its_own_names_are_answered(host: str) -> None:
    assert not is_foreign(host, LOCAL)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "localhost@evil.example",
        "localhost evil.example",
        "",
        ":8000",
        "192.168.1.7",
        "[::2]",
        "0.0.0.0",
        "2130706433.",
        "localhost:8000:1",
    ],
)
def test_foreign_names_are_not(host: str) -> None:
    assert is_foreign(host, LOCAL)


def test_a_name_can_be_allowed() -> None:
    names = names_of("127.0.0.1", ["Pictures.Example"])

    assert not is_foreign("pictures.example:443", names)
    assert is_foreign("evil.example", names)


def test_a_server_for_others_answers_to_any_name_unless_told() -> None:
    assert not is_foreign("pictures.example", names_of("0.0.0.0", []))
    assert is_foreign("evil.example", names_of("0.0.0.0", ["pictures.example"]))


@given(st.text(max_size=30))
def test_any_host_header_is_judged(host: str) -> None:
    assert is_foreign(host, LOCAL) in (True, False)
