"""Form bodies with brackets: `metadata[a]=1`, `line_items[0][quantity]=1`, `expand[]=customer`."""

import re
from typing import Any
from urllib.parse import parse_qsl

from billing.double.errors import malformed

Tree = dict[str, Any]
_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def parse(text: str) -> Tree:
    """Nested dicts of strings; the elements of an array have their index as key."""
    tree: Tree = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        _put(tree, key, value)
    return tree


def _put(tree: Tree, key: str, value: str) -> None:
    match = _KEY.match(key)
    if match is None:
        raise malformed(f"Invalid request: the parameter name {key!r} could not be read", key)
    *path, last = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    for part in path:
        tree = tree.setdefault(part or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise malformed(f"Invalid object: {key} is both a value and an object", key)
    name = last or str(len(tree))
    if name in tree:
        raise malformed(f"The parameter {key} was given twice", key)
    tree[name] = value
