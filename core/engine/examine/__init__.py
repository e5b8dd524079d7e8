"""Examination of servers without archiving: tests, comparisons, previews, directory synchronisation."""
