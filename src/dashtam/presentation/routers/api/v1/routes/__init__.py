"""Which routes there are, what each demands, and how they are mounted."""
