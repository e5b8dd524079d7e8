"""Questions to the catalog: lists, places, sources, history. Writes nothing."""
