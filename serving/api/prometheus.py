"""Prometheus metrics of the HTTP service, labelled by route template.

A raw path as a label would make one series an account: measured elsewhere, 12,000 accounts made a
`/metrics` of 45 MB. Several worker processes add up through PROMETHEUS_MULTIPROC_DIR, which the
server sets for them.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.serving.published.answers import utc
from undertow.serving.published.reader import ScoresReader

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The Prometheus counters and histograms of one app."""

    def __init__(self, reader: ScoresReader) -> None:
        """`reader`: whose publication the gauges describe."""
        self._registry, self._reader = CollectorRegistry(), reader
        self.requests = Counter(
            "undertow_requests_total",
            "Requests answered, by route template.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "undertow_request_seconds",
            "Seconds from a request's first byte to the end of its answer.",
            ("route", "method"),
            registry=self._registry,
            buckets=BUCKETS,
        )

        self.refusals = Counter(
            "undertow_refusals_total",
            "Requests refused, by the type of the problem.",
            ("reason",),
            registry=self._registry,
        )
        self.in_flight = self._live_gauge("undertow_requests_in_flight", "Requests that are being answered.")
        self.rows_waiting = self._live_gauge("undertow_rows_waiting", "Feature rows admitted and not yet answered.")
        self.info = self._gauge(
            "undertow_publication_info", "1: the list that is shown, its model, and the release that shows it.",
            ("run", "model_version", "release"),
        )  # fmt: skip
        self._shown: tuple[str, ...] = ()
        self.unreadable = self._gauge("undertow_publication_unreadable", "1: a newer list cannot be read; 0 else.")
        self.read = self._gauge("undertow_publications_read", "Lists read since the start, by the worker with most.")
        self.failed = self._gauge("undertow_publications_failed", "Newer lists that could not be read since the start.")
        self.moments = {
            "published_at": self._gauge("undertow_publication_timestamp_seconds", "When the list was published."),
            "as_of": self._gauge("undertow_publication_as_of_timestamp_seconds", "The as_of of the list."),
            "trained_until": self._gauge("undertow_model_trained_until_timestamp_seconds", "What its model knew."),
        }  # by the field of the manifest; Unix time

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry, multiprocess_mode="max")

    def _live_gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode="livesum")

    def describe_publication(self) -> None:
        """Set the gauges to what the reader holds."""
        self.unreadable.set(self._reader.failure is not None)
        self.read.set(self._reader.reloads.read)
        self.failed.set(self._reader.reloads.failed)
        held = self._reader.held
        if held is not None:
            self._show((held.folder.name, held.manifest["model_version"], version("undertow")))
            for name, gauge in self.moments.items():
                if held.manifest.get(name):
                    gauge.set(utc(datetime.fromisoformat(held.manifest[name])).timestamp())

    def _show(self, labels: tuple[str, ...]) -> None:
        """Set the info of a list to 1, and that of the one before it to 0."""
        if self._shown and self._shown != labels:
            self.info.labels(*self._shown).set(0)
        self.info.labels(*labels).set(1)
        self._shown = labels

    def text(self) -> bytes:
        """Return all metrics in Prometheus text format, summed over the worker processes."""
        self.describe_publication()
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        forget_ended_processes(Path(os.environ[SHARED]))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget_ended_processes(folder: Path) -> None:
    """Remove what worker processes that are gone had in flight."""
    for process in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}:
        if not _is_running(process):
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


class RequestMetrics:
    """ASGI middleware that counts and times every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str]) -> None:
        """`routes`: the templates that may appear as labels; anything else is "unknown"."""
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record how it went."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, started = 500, perf_counter()
        self._metrics.in_flight.inc()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, status, perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", "")
        route = template if template in self._routes else "unknown"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.seconds.labels(route, method).observe(seconds)
