"""The databases that run the queries: DuckDB in this process, or Spark."""
