"""One message as bytes: its parts, envelope and text, and the files that hold several. Pure, any bytes, linear time."""
