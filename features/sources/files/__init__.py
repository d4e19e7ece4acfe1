"""The files of [files] as DuckDB reads them: CSV, Parquet and JSON, and the SELECTs of [views] over them."""
