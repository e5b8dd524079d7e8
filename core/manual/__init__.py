"""The manual: one set of Markdown pages for the browser, the console, ``archivar help`` and ``man``.

``pages`` finds a page by its topic, ``blocks`` reads its Markdown, ``layout`` makes lines of a width of it, ``roff`` a page for
man; ``sheets`` says which pages man gets. What holds here: the texts are our own, so no character in them is from outside; of
Markdown only what ``blocks`` names may stand in them; nothing but ``blocks`` loads a Markdown parser, so that topics can be
listed without one.
"""
