"""Pages for mail that comes in and goes out: import, export, restore, saving a file."""
