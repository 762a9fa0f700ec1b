"""Long-running jobs, followed to their end."""
