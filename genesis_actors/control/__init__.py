"""The daemon's door: HTTP and JSON over a Unix socket, its client, and the process behind it."""
