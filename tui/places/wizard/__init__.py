"""The wizard: a profile, made or changed page by page.

``place`` is the screen with the way through the pages; ``page`` what all pages have in common; then the pages. All of them
work on one ``Draft``, so nothing is lost by going back.
"""
