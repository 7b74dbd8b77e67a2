"""The configuration files, packaged as `triangle_cli.conf` so that they travel inside the wheel."""
