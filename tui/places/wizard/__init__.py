"""The wizard: a profile, made or changed page by page.

``wizard`` is the screen with the steps; ``step`` the base of its pages; the others are pages. All of them work on one
``Draft``, so nothing is lost by going back.
"""
