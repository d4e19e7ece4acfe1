"""Host headers, as clients and proxies write them."""

from __future__ import annotations

import pytest

from undertow.serving.access.hosts import allowed_hosts, host_name, is_loopback


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"), ("LocalHost:3000", "localhost"), ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]", "::1"), ("[::1]:3000", "::1"), ("[0:0:0:0:0:0:0:1]", "::1"), ("churn.example.", "churn.example"),
        ("churn.example:", "churn.example"), ("a_b-c.example:65535", "a_b-c.example"),
    ],
)  # fmt: skip
def test_the_name_is_read_without_port_brackets_and_case(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    "header",
    ["", " ", ":80", "a b", "a,b", "a@b", "user@localhost", "localhost/", "localhost:80:80", "localhost:x", "::1",
     "[::1", "[::1]x", "[]", "localhost\n", "ü.example", "localhost:123456", "http://localhost"],
)  # fmt: skip
def test_what_is_no_host_has_no_name(header: str) -> None:
    assert host_name(header) is None


def test_names_are_allowed_as_they_are_typed_and_localhost_always() -> None:
    allowed = allowed_hosts(["Churn.Example", "[2001:DB8::1]", " b ", ""])
    assert allowed == {"localhost", "127.0.0.1", "::1", "churn.example", "2001:db8::1", "b"}


@pytest.mark.parametrize(
    ("host", "is_it"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("churn.example", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_an_address_of_this_machine_alone_is_known(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
