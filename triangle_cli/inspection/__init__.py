"""What `triangle regions` says of a network: numbers, text and pictures."""
