"""The places of the console, one folder a subject. A place loads its view from the desk and never waits in a key press."""
