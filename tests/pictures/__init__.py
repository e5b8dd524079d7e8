"""The pictures in the README and the manual: the console as it is, over a staged archive and with a clock that stands still."""
