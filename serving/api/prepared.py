"""Answers made from a publication: an ETag and 304, gzip for those who take it, and the whole list streamed.

What is kept in memory is compressed once. What is made for one request, and one account (some 4 KB that lie ready),
is sent as it is. Pages are never compressed: a body that repeats what a request says beside what is secret would tell
the secret by its length (BREACH), and pages hold forms.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from undertow.serving.api.prefix import address_of
from undertow.serving.api.responses import PRIVATE
from undertow.serving.published.encoded import KeptAnswers, Prepared
from undertow.serving.published.exports.files import FILES
from undertow.serving.published.exports.links import with_links
from undertow.serving.published.exports.pieces import in_pieces
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.scores import PublishedScores

WORTH_PACKING = 1_000  # bytes
LEVEL = 6  # of gzip
KEPT_ACCOUNTS = 5_000  # of a publication; whole lists of a larger one are streamed: 3 MB of CSV, 20 MB of JSON lines
WHO = "Authorization, Cookie"  # another key may be answered otherwise
REVALIDATED = PRIVATE | {"Cache-Control": "private, no-cache", "Vary": WHO}  # may be kept; is asked for before its use
STREAMED = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
VARIES = {"Vary": f"Accept-Encoding, {WHO}"}


def ready_answer(request: Request, tag: str, body: bytes) -> Response:
    """Return JSON that lies ready, or 304; `tag`: names what it was made from, beside its URL."""
    return _conditional(request, tag, Response(body, 200, REVALIDATED, "application/json"))


async def kept_answer(
    request: Request,
    published: PublishedScores,
    key: Hashable,
    make: Callable[[], Prepared],
    kind: str = "application/json",
) -> Response:
    """Return what is made once for a key and kept, or 304; it is made and compressed in a thread."""
    answers, key = published.answers, (published.owner, key)  # never what another owner may see
    found = await _kept(answers, key, make)
    headers = REVALIDATED | VARIES | dict(found.headers)
    body = found.body
    if len(body) >= WORTH_PACKING and takes_gzip(request):
        packed = await _kept(answers, ("gzip", key), lambda: Prepared(gzip.compress(found.body, LEVEL, mtime=0)))
        body, headers = packed.body, headers | GZIP
    return _conditional(request, _tag(published, key), Response(body, 200, headers, kind))


async def whole_list(request: Request, published: PublishedScores, query: AtRiskQuery) -> Response:
    """Return the accounts that a query selects as CSV, JSON lines or a file that is made whole, or 304.

    They are made and compressed piece by piece, except of a publication of few accounts, of which they are kept.
    """
    name = f"at-risk-{published.manifest['as_of'][:10]}.{query.format}"
    saved = {"Content-Disposition": f'attachment; filename="{name}"'}
    address = address_of(request) if query.format in ("csv", "xlsx") else ""
    if query.format in FILES:
        kind, make = FILES[query.format]

        def made() -> Prepared:
            return Prepared(make(with_links(published.select(query).rows, address), published.manifest), saved)

        return await kept_answer(request, published, (query, address), made, kind)
    if published.table.num_rows <= KEPT_ACCOUNTS:
        kind = STREAMED[query.format]
        key = (query, address)  # never the links of another host
        return await kept_answer(request, published, key, lambda: _joined(published, query, address, saved), kind)
    pieces: Iterable[bytes] = await asyncio.to_thread(_pieces, published, query, address)
    headers = REVALIDATED | VARIES | saved
    if takes_gzip(request):
        pieces, headers = gzipped(pieces), headers | GZIP
    if request.method == "HEAD":
        pieces = ()
    response = StreamingResponse(pieces, 200, headers, STREAMED[query.format])
    return _conditional(request, _tag(published, (query, address)), response)


def _joined(published: PublishedScores, query: AtRiskQuery, address: str, headers: Mapping[str, str]) -> Prepared:
    return Prepared(b"".join(_pieces(published, query, address)), headers)


def _pieces(published: PublishedScores, query: AtRiskQuery, address: str) -> Iterator[bytes]:
    return in_pieces(published.select(query).rows, published.manifest, query, address)


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return pieces as one gzip member, in pieces."""
    pack = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)  # 16: gzip
    for piece in pieces:
        yield pack.compress(piece)
    yield pack.flush()


def takes_gzip(request: Request) -> bool:
    """Return whether the Accept-Encoding header of a request allows gzip."""
    return _accepts_gzip(request.headers.get("accept-encoding", ""))


@lru_cache(256)
def _accepts_gzip(accepted: str) -> bool:
    """Whether gzip, or else *, stands in an Accept-Encoding with a weight above 0."""
    weights = {}
    for each in accepted.lower().split(","):
        coding, _, parameter = each.partition(";")
        weights[coding.strip()] = re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameter) is None
    return weights.get("gzip", weights.get("*", False))


async def _kept(answers: KeptAnswers, key: Hashable, make: Callable[[], Prepared]) -> Prepared:
    """Return what is kept for a key, made in a thread where it is not: the answers of others do not wait."""
    if key in answers:
        found: Prepared = answers.find(key)
        return found
    return answers.keep(key, await asyncio.to_thread(make))


def _tag(published: PublishedScores, key: Hashable) -> str:
    """Return what names an answer: the publication, and what was asked of it."""
    return f"{published.tag}-{zlib.crc32(repr(key).encode()):08x}"


def _conditional(request: Request, tag: str, response: Response) -> Response:
    """Return a response with its ETag, or 304 where the caller has it; weak, since gzip has the same one."""
    response.headers["ETag"] = f'W/"{tag}"'
    given = request.headers.get("if-none-match")
    if given is None or not _names(given, tag):
        return response
    kept = ("cache-control", "etag", "vary")
    return Response(None, 304, {name: value for name, value in response.headers.items() if name in kept})


def _names(given: str, tag: str) -> bool:
    """Whether an If-None-Match names a tag, compared weakly; * names any."""
    return given.strip() == "*" or f'"{tag}"' in {each.strip().removeprefix("W/") for each in given.split(",")}
