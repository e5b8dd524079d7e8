"""Looks at a server that archive nothing by themselves: tests, comparisons, previews, directory synchronisation."""
