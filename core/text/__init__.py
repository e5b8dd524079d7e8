"""Text as values: kinds of characters, columns in a terminal, normal forms, encodings of names. Pure."""
