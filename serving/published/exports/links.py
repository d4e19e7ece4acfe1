"""The link of each account of a list to its page, as a column of a file."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa

LINK = "link"


def with_links(rows: pa.Table, address: str) -> pa.Table:
    """Return rows of scores with the URL of each account's page in a last column `link`.

    `address`: of the list, such as https://host/undertow/; "": not known, the rows stay as they are.
    """
    if not address:
        return rows
    links = [f"{address}accounts/{quote(each, safe='')}" for each in rows["account_id"].to_pylist()]
    return rows.append_column(LINK, pa.array(links, pa.string()))
