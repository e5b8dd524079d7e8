"""Settings files described once: a table of fields, and what is made from it.

``kinds`` are the kinds of values, ``table`` what a table is, ``profiles`` and ``directories`` the two tables. From a table come
reading (``reading``: all faults of a file at once, each with its line), TOML (``writing``), and the fields of forms
(``forms``). Pure: no file but the one given, no network.

What holds here: a field is described in one table and nowhere else; whatever a file holds is either a valid value or refused
by an ``InputError`` that names the field, its line, and what is allowed.
"""
