"""The whole list as one file: a workbook (XLSX), Parquet, or a calendar of renewals."""
