"""What a move carries: tables that both databases have, in the order of their foreign keys, cut
into ranges of pages."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from psycopg.sql import SQL, Composed, Identifier, Literal

from sql import DatabaseError
from sql.database import Connection

# each installation's own
LEFT = ("migration", "installation")


class Leaf(NamedTuple):
    """A partition, or a table that has none, as the source stores it."""

    name: str  # qualified and quoted
    pages: int


class Range(NamedTuple):
    """Pages of a leaf, from `first` up to and without `end`."""

    leaf: str
    first: int
    end: int

    @property
    def pages(self) -> int:
        return self.end - self.first

    def rows(self, table: "Table") -> Composed:
        """The query of its rows."""
        low, high = Literal(f"({self.first},0)"), Literal(f"({self.end},0)")
        query = "SELECT {} FROM ONLY {} WHERE ctid >= {}::tid AND ctid < {}::tid"
        return SQL(query).format(table.columns, SQL(self.leaf), low, high)


class Table(NamedTuple):
    """A table of both databases; `triggers` are the target's own ones on it."""

    schema: str
    relation: str
    names: list[str]
    leaves: list[Leaf]
    triggers: list[str]
    refers_to_itself: bool

    @property
    def name(self) -> str:
        """As people write it: `station`, `rollup.month`."""
        return self.relation if self.schema == "public" else f"{self.schema}.{self.relation}"

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.schema, self.relation)

    @property
    def columns(self) -> Composed:
        return SQL(", ").join(map(Identifier, self.names))

    def ranges(self, pages: int) -> Iterator[Range]:
        """A table that refers to itself is one range: a row may come before the one it names."""
        for leaf in self.leaves:
            step = leaf.pages if self.refers_to_itself else pages
            for first in range(0, leaf.pages, max(step, 1)):
                yield Range(leaf.name, first, min(first + step, leaf.pages))


TABLES = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = ''
WHERE n.nspname IN ('public', 'rollup') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1, 2"""
LEAVES = """
SELECT format('%%I.%%I', n.nspname, c.relname),
    pg_relation_size(c.oid) / current_setting('block_size')::int
FROM (SELECT %s::regclass AS oid) root
JOIN pg_class c ON c.oid = root.oid OR c.oid IN (SELECT relid FROM pg_partition_tree(root.oid))
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' ORDER BY 1"""
REFERENCES = """
SELECT a.nspname, c.relname, b.nspname, f.relname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace a ON a.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace b ON b.oid = f.relnamespace
WHERE k.contype = 'f'"""
# TimescaleDB's own triggers keep its chunks and its aggregates right: they stay on
TRIGGERS = """
SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal
    AND tgenabled <> 'D' AND tgname NOT LIKE 'ts\\_%%' ORDER BY 1"""

Name = tuple[str, str]


def tables(source: Connection, target: Connection) -> list[Table]:
    """All tables of both, parents before children. Raises DatabaseError when they do not fit."""
    ours, theirs = _columns(source), _columns(target)
    common = {name: names for name, names in ours.items() if name in theirs}
    for name, names in common.items():
        if set(names) != set(theirs[name]):
            raise DatabaseError(f"source and target differ in the columns of {'.'.join(name)}")
    references = [(tuple(row[:2]), tuple(row[2:])) for row in target.execute(REFERENCES)]
    return [
        _table(source, target, name, common[name], (name, name) in references)
        for name in _ordered(common, references)
    ]


def _columns(connection: Connection) -> dict[Name, list[str]]:
    rows = connection.execute(TABLES).fetchall()
    return {(row[0], row[1]): row[2] for row in rows if row[1] not in LEFT}


def _ordered(common: dict[Name, list[str]], references: list[tuple[Name, Name]]) -> list[Name]:
    graph: dict[Name, set[Name]] = {name: set() for name in sorted(common)}
    for child, parent in references:
        if child in graph and parent in graph and child != parent:
            graph[child].add(parent)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise DatabaseError(f"tables refer to each other in a circle: {error.args[1]}") from error


def _table(
    source: Connection, target: Connection, name: Name, names: list[str], refers_to_itself: bool
) -> Table:
    regclass = [Identifier(*name).as_string(source)]
    leaves = [Leaf(*row) for row in source.execute(LEAVES.encode(), regclass).fetchall()]
    triggers = [row[0] for row in target.execute(TRIGGERS.encode(), regclass).fetchall()]
    return Table(*name, names, leaves, triggers, refers_to_itself)
