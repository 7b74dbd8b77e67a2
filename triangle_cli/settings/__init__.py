"""What can be set, of which type and in which range, and how words or a record become settings."""
