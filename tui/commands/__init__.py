"""One file a command. Heavy imports stand inside functions: `--help` stays fast."""
