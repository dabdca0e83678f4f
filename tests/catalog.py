"""The shape of a database: what twins must have in common."""

from typing import Any

from sql.database import Connection

# A continuous aggregate is a view to its readers, a hypertable a table, a partition a detail.
COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname, a.attnum
"""

ROUTINES = """
SELECT p.proname, p.prokind::text, pg_get_function_arguments(p.oid), p.prorettype::regtype::text
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype <> 'trigger'::regtype
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 3
"""

# The rollups are tables on one engine and views on the other: their keys are their own business.
KEYS = """
SELECT c.relname, k.contype::text, pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
    AND c.relname NOT LIKE 'energy\\_%' AND k.contype IN ('p', 'u', 'f', 'c')
ORDER BY 1, 2, 3
"""


def shape(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Relations with their columns, routines with their arguments, keys."""
    queries = {"columns": COLUMNS, "routines": ROUTINES, "keys": KEYS}
    return {name: connection.execute(query.encode()).fetchall() for name, query in queries.items()}
