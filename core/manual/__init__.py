"""The manual: one set of Markdown pages for the browser, the console, ``archivar help`` and ``man``.

``pages`` finds a page by its topic, ``blocks`` reads its Markdown, ``layout`` makes lines of a width of it, ``roff`` a page for
man; ``sheets`` lists the pages for man. What holds here: the texts are our own, so no character in them is from outside; they
use only the Markdown that ``blocks`` supports; only ``blocks`` imports a Markdown parser, so that topics can be listed without
one.
"""
