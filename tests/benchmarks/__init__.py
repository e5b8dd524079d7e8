"""Benchmarks: limits of the design, each beside a reference measured in the same run. ``make bench`` prints the table.

Not tests: a shared machine is noisy, so medians and ratios are printed and nothing fails.
"""
