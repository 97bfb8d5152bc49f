"""The same matching by DuckDB, for comparison: python3 duckdb_match.py KIND SNAPSHOT ASSETS

KIND is `ip_v4` (numbers), `ip` (text) or `hostname`. ASSETS has `base` (UInt32) and `length` for
addresses, `name` for names. All owners are found: one hash join for each prefix length, or for
each suffix of a name, which is the quickest way that we know in SQL. Prints the best time of
three in seconds and the number of matches.
"""

import sys
import time

import duckdb

kind, snapshot, assets = sys.argv[1:]
db = duckdb.connect(config={"threads": 1})
db.execute(f"CREATE TABLE assets AS SELECT * FROM read_parquet('{assets}')")
source = f"(SELECT {kind} FROM read_parquet('{snapshot}'))"
if kind == "ip":
    parts = [f"split_part(ip, '.', {n})::UINTEGER" for n in range(1, 5)]
    number = f"({parts[0]} << 24) | ({parts[1]} << 16) | ({parts[2]} << 8) | {parts[3]}"
    source = f"(SELECT {number} AS ip_v4 FROM read_parquet('{snapshot}'))"
if kind == "hostname":
    query = f"""
        WITH labels AS (SELECT string_split(lower(hostname), '.') AS l FROM {source}),
        suffixes AS (
            SELECT unnest([array_to_string(l[n:], '.') FOR n IN range(1, len(l) + 1)]) AS name
            FROM labels)
        SELECT count(*) FROM suffixes JOIN assets USING (name)"""
else:
    lengths = [n for (n,) in db.execute("SELECT DISTINCT length FROM assets").fetchall()]
    joins = [
        f"""SELECT count(*) AS n FROM rows JOIN assets
            ON assets.length = {n} AND rows.ip_v4 >> {32 - n} = assets.base >> {32 - n}"""
        for n in sorted(lengths)
    ]
    query = f"WITH rows AS MATERIALIZED {source} SELECT sum(n) FROM ({' UNION ALL '.join(joins)})"
best, matches = float("inf"), 0
for _ in range(3):
    start = time.perf_counter()
    (matches,) = db.execute(query).fetchone()
    best = min(best, time.perf_counter() - start)
print(best, int(matches))
