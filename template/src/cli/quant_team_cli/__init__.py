"""The roof: the `quant` command, set-up, diagnosis, the roster and the template."""
