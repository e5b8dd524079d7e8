"""Settings of the console and the service."""
