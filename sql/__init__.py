"""The database: a server, a schema, named queries. The lowest layer; imports no other part."""


class DatabaseError(Exception):
    """The database cannot be used; the message is one line that says why and what to do."""


class RequestError(Exception):
    """What a person asked for can't be done; the message says why and what to do instead."""
