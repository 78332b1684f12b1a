"""The archive: what ended long ago moves there, can be brought back, and is forgotten by the month. May import `core`."""
