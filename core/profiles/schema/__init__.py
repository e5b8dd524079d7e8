"""Settings files described once: a table of fields, from which reading, writing and forms are made.

``kinds`` are the kinds of values, ``table`` the class of tables, ``profiles`` and ``directories`` the two tables. ``reading``
reports all faults of a file at once, each with its line; ``writing`` makes TOML, ``forms`` the fields of forms. Pure: no file
but the one given, no network.

Invariant: a field is described in one table and nowhere else; a file is either a valid value or refused by an ``InputError``
that names the field, its line, and the allowed values.
"""
