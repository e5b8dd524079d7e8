"""The places of the console, one module each. A place loads its view from the gateway and never waits in a key press."""
