"""The ground: errors, paths, settings, files, logging that redacts, git, the roster."""
