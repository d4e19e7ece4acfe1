"""Mutated HTTP requests: of every route, with changed values, structure, headers, encodings, and bodies sent slowly."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import quote

STRANGE_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**64,
    -(2**70),
    10**400,
    0.0,
    -0.0,
    1e308,
    -1e-320,
    "",
    " ",
    "0",
    "NaN",
    "\x00",
    "\u202e",
    "\ud7ff\uffff",
    "𝕬" * 50,
    "a" * 5_000,
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "../../etc/passwd",
    "%00",
    "null",
    "2024-02-30",
    "9999-12-31",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    {"a": [1, {"b": None}]},
)
STRANGE_JSON = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b'"',
    b"{",
    b"[" * 20_000,
    b'{"rows":' * 5_000,
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b"NaN",
    b'{"rows":[{"mrr":NaN}]}',
    b'{"rows":[{"mrr":1e999}]}',
    b'{"account_ids":["\\ud800"]}',
    b'{"account_ids":["a"],}',
    b'{"account_ids":["a"],"account_ids":["b"]}',
    b"\x00" * 100,
    b"1" * 6_000,
    b"--x\r\nContent-Disposition: form-data",
)
QUERIES = (
    "limit=0",
    "limit=-1",
    "limit=1e3",
    "limit=99999999999999999999",
    "limit=",
    "limit=1&limit=2",
    "offset=-5",
    "offset=99999999999999999999",
    "min_value=NaN",
    "min_value=inf",
    "min_value=1e999",
    "min_value=%00",
    "segment=",
    "segment=%F0%9F%98%80",
    "segment=%ff",
    "owner=" + "o" * 3_000,
    "cause=VOLUNTARY",
    "cause=none",
    "format=xml",
    "format=csv&limit=1",
    "nonsense=1",
    "%",
    "&&&&",
    "=",
    "limit=%31%30",
    "[]=1",
    "a" * 4_000,
    "limit=1;offset=2",
)
PATHS = (
    "//",
    "/.",
    "/..",
    "/%2e%2e/",
    "/v1",
    "/v1/",
    "/v1/score/",
    "/V1/SCORE",
    "/v1/at-risk/../score",
    "/v1/accounts/",
    "/v1/accounts/%2f",
    "/v1/accounts/%00",
    "/v1/accounts/%ff%fe",
    "/v1/accounts/" + "a" * 2_000,
    "/accounts/",
    "/accounts/%0d%0a",
    "/accounts/%3Cscript%3E",
    "/favicon.ico",
    "/docs",
    "/docs.json",
    "/schema.json",
    "/.env",
    "/livez",
    "/readyz",
    "/*",
    "*",
    "/v1/accounts/\xe9",
    "http://other.example/v1/drivers",
    "/openapi.json/",
    "/metrics/x",
    "/;",
    "/v1/%61t-risk",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND")
HEADERS: tuple[tuple[str, str], ...] = (
    ("Accept", "text/html"),
    ("Accept", "application/xml;q=0"),
    ("Accept", "*/*, " * 300),
    ("Accept-Encoding", "gzip, br;q=0"),
    ("Authorization", "Bearer x"),
    ("Authorization", "Basic \x80"),
    ("Content-Encoding", "br"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "gzip, gzip"),
    ("Content-Length", "-1"),
    ("Content-Length", "9" * 30),
    ("Content-Type", "text/plain"),
    ("Content-Type", "application/json; charset=utf-16"),
    ("Content-Type", "multipart/form-data; boundary=" + "-" * 200),
    ("Content-Type", ""),
    ("Cookie", "a=b; " * 500),
    ("Expect", "100-continue"),
    ("Expect", "the-unexpected"),
    ("Host", ""),
    ("Host", "evil.example"),
    ("Host", "a" * 3_000),
    ("If-None-Match", "*"),
    ("If-None-Match", '"' * 500),
    ("Range", "bytes=0-1"),
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "identity, chunked"),
    ("Upgrade", "websocket"),
    ("Connection", "upgrade"),
    ("X-Forwarded-Prefix", "//evil.example"),
    ("X-Forwarded-Prefix", "/a/../b"),
    ("X-Forwarded-Proto", "javascript"),
    ("X-Request-ID", "\x7f" * 10),
    ("X-Request-ID", "r" * 5_000),
    ("X-Http-Method-Override", "DELETE"),
    ("A" * 2_000, "b"),
)


@dataclass(frozen=True)
class Sent:
    """One request as it is sent: `pieces` is how many parts it is sent in, with a pause between them."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pieces: int = 1

    @property
    def raw(self) -> bytes:
        """Return the bytes of the request; headers that are given take the place of those that would be right."""
        right = [("Host", "127.0.0.1")]
        if self.body:
            right += [("Content-Type", "application/json"), ("Content-Length", str(len(self.body)))]
        given = {name.lower() for name, _ in self.headers}
        lines = [each for each in right if each[0].lower() not in given] + list(self.headers)
        target = self.path + (f"?{self.query}" if self.query else "")
        head = f"{self.method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
        return head.encode("latin-1", "replace") + b"\r\n" + self.body

    @property
    def may_lack_its_end(self) -> bool:
        """Return whether the head may announce a body that does not come."""
        return any(name.lower() in ("content-length", "transfer-encoding") for name, _ in self.headers)


def right_requests(ids: list[str], row: dict[str, Any]) -> list[Sent]:
    """Return a request of every kind that is answered with 200."""
    bodies: list[dict[str, Any]] = [
        {"account_ids": ids[:3]},
        {"account_ids": ids[:1], "explain": False},
        {"rows": [row]},
        {"rows": [row], "explain": False, "as_of": "2024-06-01"},
        {"rows": [{"account_id": "x", "mrr": 5}], "missing": "null"},
        {"columns": list(row), "data": [list(row.values())]},
    ]
    paths = [
        "/",
        f"/accounts/{quote(ids[0])}",
        "/v1/at-risk",
        f"/v1/accounts/{quote(ids[0])}",
        "/journeys",
        "/personas",
        "/drivers",
        "/v1/drivers",
        "/v1/drivers/months",
        "/v1/journeys",
        "/v1/personas",
        "/v1/features",
        "/v1/model",
        "/openapi.json",
        "/metrics",
    ]
    posts = [Sent("POST", "/v1/score", body=json.dumps(body).encode()) for body in bodies]
    lists = [
        Sent("GET", "/v1/at-risk", query) for query in ("limit=5&offset=2", "format=csv&limit=10", "cause=voluntary")
    ]
    return [Sent("GET", path) for path in paths] + lists + posts


class Mutator:
    """Draws mutated requests, the same for the same seed."""

    def __init__(self, right: list[Sent], seed: int) -> None:
        """`right`: requests that are changed."""
        self._right, self._chance = right, random.Random(seed)
        self._changes: tuple[Callable[[Sent], Sent], ...] = (
            self._value,
            self._value,
            self._structure,
            self._bytes,
            self._encoding,
            self._header,
            self._query,
            self._path,
            self._method,
            self._slowly,
        )

    def draw(self) -> Sent:
        """Return a right request with one to three changes."""
        sent = self._chance.choice(self._right)
        for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
            sent = self._chance.choice(self._changes)(sent)
        return sent

    def _value(self, sent: Sent) -> Sent:
        """Put a strange value somewhere into the JSON of a body."""
        found = _parsed(sent.body)
        if found is None:
            return self._query(sent)
        return replace(sent, body=_encoded(self._changed(found, self._chance.choice(STRANGE_VALUES))))

    def _structure(self, sent: Sent) -> Sent:
        """Drop, double, rename or nest a part of the JSON of a body."""
        found = _parsed(sent.body)
        if not isinstance(found, dict) or not found:
            return replace(sent, body=self._chance.choice(STRANGE_JSON))
        name = self._chance.choice(list(found))
        value = found.pop(name)
        how = self._chance.randrange(5)
        if how == 1:
            found |= {name: value, name.upper(): value}
        elif how == 2:
            found[name] = [value] * self._chance.choice((2, 50, 1_200)) if len(str(value)) < 500 else [value]
        elif how == 3:
            found[name[:-1] or "x"] = value
        elif how == 4:
            found[name] = {"": value}
        return replace(sent, body=_encoded(found))

    def _bytes(self, sent: Sent) -> Sent:
        """Cut, flip or repeat bytes of the body."""
        body = bytearray(sent.body or self._chance.choice(STRANGE_JSON))
        if body and self._chance.random() < 0.6:
            body[self._chance.randrange(len(body))] = self._chance.randrange(256)
            return replace(sent, body=bytes(body))
        return replace(sent, body=bytes(body[: self._chance.randrange(len(body) + 1)]))

    def _encoding(self, sent: Sent) -> Sent:
        """Gzip the body, whole, cut or blown up, or name an encoding that it has not."""
        bodies = (
            lambda: gzip.compress(sent.body, 1),
            lambda: gzip.compress(sent.body[: len(sent.body) // 2], 1),
            _bomb,
        )
        packed = self._chance.choice(bodies)()
        cut = packed[: self._chance.choice((len(packed), len(packed) // 2, 10))]
        return replace(sent, body=cut, headers=(*sent.headers, ("Content-Encoding", "gzip")))

    def _header(self, sent: Sent) -> Sent:
        """Add a strange header, or many."""
        many = self._chance.choice((1, 1, 1, 3, 150))
        return replace(sent, headers=(*sent.headers, *(self._chance.choice(HEADERS) for _ in range(many))))

    def _query(self, sent: Sent) -> Sent:
        return replace(sent, query=self._chance.choice(QUERIES))

    def _path(self, sent: Sent) -> Sent:
        return replace(sent, path=self._chance.choice(PATHS))

    def _method(self, sent: Sent) -> Sent:
        return replace(sent, method=self._chance.choice(METHODS))

    def _slowly(self, sent: Sent) -> Sent:
        """Send it in pieces."""
        return replace(sent, pieces=self._chance.choice((2, 3, 8)))

    def _changed(self, found: Any, value: Any) -> Any:
        """Return a parsed body with `value` in one place of it."""
        if isinstance(found, dict) and found and self._chance.random() < 0.8:
            name = self._chance.choice(list(found))
            return found | {name: self._changed(found[name], value)}
        if isinstance(found, list) and found and self._chance.random() < 0.8:
            place = self._chance.randrange(len(found))
            return [*found[:place], self._changed(found[place], value), *found[place + 1 :]]
        return value


@cache
def _bomb() -> bytes:
    """Return a few kilobytes that unpack to more than a body may have."""
    return gzip.compress(b"0" * 30_000_000, 9)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _encoded(value: Any) -> bytes:
    """Return JSON, with what Python alone calls JSON (NaN) and lone surrogates where they were drawn."""
    return json.dumps(value).encode("utf-8", "surrogatepass")
