"""The whole list as one file: CSV, a workbook (XLSX), Parquet, or a calendar; in pieces: CSV, JSON lines."""
