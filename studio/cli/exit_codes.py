"""What a command returns to the shell."""

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
