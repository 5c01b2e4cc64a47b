"""Market data: the shared TickDB client, its errors, markets and sessions, and the local sandbox."""
