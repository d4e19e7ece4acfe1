-- No tags: there is no table of them.
SELECT NULL AS ticket, CAST([] AS VARCHAR[]) AS tags WHERE false
