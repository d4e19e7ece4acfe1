"""Small servers that speak the documented APIs of the vendors, and refuse what their pages do not describe."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def as_json(status: int, body: object) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


@dataclass
class Vendor:
    """A server that keeps its requests. `next`: answers given first, whatever is asked."""

    requests: list[Request] = field(default_factory=list)
    next: list[Answer] = field(default_factory=list)
    address: str = ""

    def answer(self, request: Request) -> Answer:
        return as_json(200, {})

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.next.pop(0) if self.next else self.answer(request)


@contextmanager
def serving(vendor: Vendor) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered, content = vendor.take(Request(self.command, self.path, headers, body))
            if status == 0:  # the connection breaks after the request arrived
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in answered.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _take

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    vendor.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Hubspot(Vendor):
    """Companies by record id; POST /crm/v3/objects/companies/batch/update with a bearer token."""

    token: str = "pat-eu1-secret"
    unique: str = "undertow_account"
    known: tuple[str, ...] = ("churn_probability", "churn_rank", "churn_reason")
    companies: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            given = request.headers.get("authorization")
            return self._error(401, "INVALID_AUTHENTICATION", f"Authentication {given} failed")
        if (request.method, request.path) != ("POST", "/crm/v3/objects/companies/batch/update"):
            return self._error(404, "NOT_FOUND", "no such resource")
        if request.headers.get("content-type") != "application/json":
            return self._error(415, "VALIDATION_ERROR", "Content-Type must be application/json")
        inputs = request.json()["inputs"]
        if set(request.json()) != {"inputs"} or not 1 <= len(inputs) <= 100:
            return self._error(400, "VALIDATION_ERROR", "between 1 and 100 inputs")
        keys = [(each["id"], each.get("idProperty")) for each in inputs]
        if len(set(keys)) < len(keys):
            return self._error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        for each in inputs:
            if not set(each) <= {"id", "idProperty", "properties", "objectWriteTraceId"}:
                return self._error(400, "VALIDATION_ERROR", f"unknown key in {each}")
            if each.get("idProperty", self.unique) != self.unique:
                return self._error(400, "VALIDATION_ERROR", f"{each['idProperty']} is not unique")
            if bad := [n for n, v in each["properties"].items() if n not in self.known or not isinstance(v, str)]:
                return self._error(400, "VALIDATION_ERROR", f"Property values were not valid: {bad}")
        return self._update(inputs)

    def _update(self, inputs: list[dict[str, Any]]) -> Answer:
        results, missing = [], []
        for each in inputs:
            found = self._find(each)
            if found is None:
                missing.append(each["id"])
                continue
            self.companies[found].update(each["properties"])
            results.append({"id": found, "properties": each["properties"], "archived": False})
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": "", "completedAt": ""}
        if not missing:
            return as_json(200, body)
        body["numErrors"] = 1
        body["errors"] = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not get some COMPANY objects, they may be deleted or not exist.",
                "context": {"ids": missing},
            }
        ]
        return as_json(207, body)

    def _find(self, each: dict[str, Any]) -> str | None:
        if "idProperty" not in each:
            return each["id"] if each["id"] in self.companies else None
        held = (record for record, has in self.companies.items() if has.get(self.unique) == each["id"])
        return next(held, None)

    def _error(self, status: int, category: str, message: str) -> Answer:
        return as_json(status, {"status": "error", "category": category, "message": message, "correlationId": "c-1"})


@dataclass
class Salesforce(Vendor):
    """Accounts by Id: SOQL queries and Bulk API 2.0 jobs of the operation update."""

    token: str = "00D-secret"
    records: dict[str, dict[str, str | None]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # Id -> why
    failure: str = ""  # why whole jobs fail
    page: int = 2_000  # records per answer to a query
    elsewhere: str = ""  # where the next page of a query is said to be

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return as_json(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        url = urlsplit(request.path)
        service, _, rest = url.path.partition("/v62.0/")
        if service != "/services/data":
            return as_json(404, [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}])
        if request.method == "GET" and rest == "query" and len(request.path) < 16_000:
            return self._query(parse_qs(url.query)["q"][0])
        if request.method == "GET" and rest == "query/01g-2000":
            return as_json(200, {"done": True, "records": self.rest})
        job = re.fullmatch(r"jobs/ingest(?:/(\w+)(?:/(\w+))?)?", rest)
        assert job is not None, rest
        return self._job(request, job[1], job[2])

    def _query(self, soql: str) -> Answer:
        found = re.fullmatch(r"SELECT Id, (\w+) FROM Account WHERE \1 IN \((.*)\)", soql)
        if found is None:
            return as_json(400, [{"message": f"unexpected token in {soql}", "errorCode": "MALFORMED_QUERY"}])
        wanted = {re.sub(r"\\(.)", r"\1", text) for text in re.findall(r"'((?:[^'\\]|\\.)*)'", found[2])}
        records = [
            {"attributes": {"type": "Account"}, "Id": key, found[1]: has[found[1]]}
            for key, has in self.records.items()
            if has.get(found[1]) in wanted
        ]
        if len(records) <= self.page:
            return as_json(200, {"totalSize": len(records), "done": True, "records": records})
        self.rest = records[self.page :]
        following = f"{self.elsewhere}/services/data/v62.0/query/01g-2000"
        first = {"totalSize": len(records), "done": False, "nextRecordsUrl": following, "records": records[: self.page]}
        return as_json(200, first)

    def _job(self, request: Request, key: str | None, part: str | None) -> Answer:
        if key is None:
            wanted = request.json()
            assert request.method == "POST" and request.headers["content-type"] == "application/json"
            assert wanted == {"object": "Account", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
            key = f"750{len(self.jobs)}"
            self.jobs[key] = {"id": key, "state": "Open", "csv": None, "looks": 0, "done": [], "failed": []}
            place = f"services/data/v62.0/jobs/ingest/{key}/batches"
            return as_json(200, {"id": key, "state": "Open", "contentUrl": place})
        job = self.jobs[key]
        if (request.method, part) == ("PUT", "batches"):
            assert request.headers["content-type"] == "text/csv" and job["csv"] is None and job["state"] == "Open"
            job["csv"] = request.body.decode()
            return 201, {}, b""
        if (request.method, part) == ("PATCH", None):
            assert request.json() == {"state": "UploadComplete"} and job["csv"] is not None
            job["state"] = "UploadComplete"
            self._work(job)
        elif (request.method, part) == ("GET", None):
            job["looks"] += 1
            job["state"] = "InProgress" if job["looks"] < 2 else "Failed" if self.failure else "JobComplete"
        else:
            assert request.method == "GET" and job["state"] in ("JobComplete", "Failed")
            return self._results(job["done" if part == "successfulResults" else "failed"])
        return as_json(200, {"id": key, "state": job["state"], "errorMessage": self.failure or None})

    def _work(self, job: dict[str, Any]) -> None:
        for row in [] if self.failure else csv.DictReader(io.StringIO(job["csv"])):
            record = self.records.get(row["Id"])
            why = self.refused.get(row["Id"], "" if record is not None else "INVALID_CROSS_REFERENCE_KEY:invalid id:--")
            if long := [name for name, value in row.items() if len(value) > 255]:
                why = f"STRING_TOO_LONG:{long}:--"
            if why:
                job["failed"].append({"sf__Id": row["Id"], "sf__Error": why, **row})
                continue
            assert record is not None
            record.update({n: None if v == "#N/A" else v for n, v in row.items() if n != "Id" and v})
            job["done"].append({"sf__Id": row["Id"], "sf__Created": "false", **row})

    def _results(self, rows: list[dict[str, str]]) -> Answer:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["sf__Id", "sf__Error"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return 200, {"Content-Type": "text/csv"}, text.getvalue().encode()


@dataclass
class Slack(Vendor):
    """An incoming webhook: POST of JSON with a text to its secret path."""

    secret: str = "/services/T000/B000/slacksecret"

    def answer(self, request: Request) -> Answer:
        if (request.method, request.path) != ("POST", self.secret):
            return 404, {}, b"no_service"
        if request.headers.get("content-type") != "application/json" or not request.json().get("text"):
            return 400, {}, b"invalid_payload"
        return 200, {"Content-Type": "text/html"}, b"ok"
