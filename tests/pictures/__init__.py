"""The pictures in the README: the console as it is, over a staged archive and with a clock that stands still."""
