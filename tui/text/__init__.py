"""Values of the desk as styled text and lines of a terminal. Pure; all text here has passed the desk."""
