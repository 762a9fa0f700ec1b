"""The command line: tymeconn serve, demo and poll."""
