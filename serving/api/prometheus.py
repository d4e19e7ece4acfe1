"""Prometheus metrics of the HTTP service, labelled by route template.

A raw path as a label would make one series an account: measured elsewhere, 12,000 accounts made a
`/metrics` of 45 MB. Several worker processes add up through PROMETHEUS_MULTIPROC_DIR, which the
server sets for them.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from time import perf_counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.serving.published.answers import utc
from undertow.serving.published.reader import ScoresReader

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CONTENT_TYPE = CONTENT_TYPE_LATEST


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

        self.unreadable = self._gauge("undertow_publication_unreadable", "1: a newer list cannot be read; 0 else.")
        self.read = self._gauge("undertow_publications_read", "Lists read since the start, by the worker with most.")
        self.failed = self._gauge("undertow_publications_failed", "Newer lists that could not be read since the start.")
        self.moments = {
            "published_at": self._gauge("undertow_publication_timestamp_seconds", "When the list was published."),
            "as_of": self._gauge("undertow_publication_as_of_timestamp_seconds", "The as_of of the list."),
            "trained_until": self._gauge("undertow_model_trained_until_timestamp_seconds", "What its model knew."),
        }  # by the field of the manifest; Unix time

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode="max")

    def describe_publication(self) -> None:
        """Set the gauges to what the reader holds."""
        self.unreadable.set(self._reader.failure is not None)
        self.read.set(self._reader.reloads.read)
        self.failed.set(self._reader.reloads.failed)
        held = self._reader.held
        if held is not None:
            for name, gauge in self.moments.items():
                if held.manifest.get(name):
                    gauge.set(utc(datetime.fromisoformat(held.manifest[name])).timestamp())

    def text(self) -> bytes:
        """Return all metrics in Prometheus text format, summed over the worker processes."""
        self.describe_publication()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


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

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._record(scope, status, perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", "")
        route = template if template in self._routes else "unknown"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.seconds.labels(route, method).observe(seconds)
