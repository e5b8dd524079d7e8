-- What the last verifications found wrong and no repair has mended; sha256 is of the message, if it is about one.
CREATE TABLE damage (
    id INTEGER PRIMARY KEY,
    place TEXT NOT NULL,
    text TEXT NOT NULL,
    sha256 BLOB,
    found TEXT NOT NULL,
    UNIQUE (place, text)
);
