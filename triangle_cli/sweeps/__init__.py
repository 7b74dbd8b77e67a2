"""Many runs: their jobs, where they work, how long they may take."""
