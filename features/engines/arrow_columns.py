"""Arrow columns made from NumPy arrays without `pyarrow.array`, whose first call imports pandas: half a second."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def arrow_column(values: np.ndarray) -> pa.Array:
    """Return whole numbers, days or times, shape (n,), as an Arrow column of the same type, without nulls.

    >>> arrow_column(np.array(["2024-03-01", "2024-03-08"], "datetime64[D]")).type
    DataType(date32[day])
    """
    of_type = pa.from_numpy_dtype(values.dtype)
    numbers = np.ascontiguousarray(values.astype(f"i{of_type.bit_width // 8}"))
    return pa.Array.from_buffers(of_type, len(numbers), [None, pa.py_buffer(numbers)])
