"""What every other room uses: settings, paths, logging that redacts, the roster, the `quant` command."""
