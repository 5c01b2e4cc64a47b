"""Who may do what, and the credentials of production: code that runs beside the research, never inside it."""
