"""Market data: the shared TickDB client, its errors, markets and sessions, and the local sandbox."""

# How synthetic numbers are stamped wherever a person sees them.
SYNTHETIC = "SYNTHETIC prices of the sandbox, not a market"
