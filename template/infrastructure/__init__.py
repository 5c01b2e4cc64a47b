"""Who may do what, and the credentials of production: code beside the research, never inside it."""
