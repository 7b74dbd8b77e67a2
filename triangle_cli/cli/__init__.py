"""The `triangle` command: words in, exit codes out. The only room that knows Hydra."""
