"""Two accounts and their events as source files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from undertow.features.settings import Settings

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
ACCOUNTS: list[Row] = [
    {"account_id": "ada", "created_at": "2024-01-05"},
    {"account_id": "bo", "created_at": "2024-01-05"},
]
EVENTS = (
    "account_id,occurred_at,kind,value,name\n"
    'ada,2024-03-01T10:00:00+02:00,error,1.5,"Save, then\nclose"\n'
    "bo,2024-03-02 10:00:00,page_view,,\n"
)
