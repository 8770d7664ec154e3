"""Control: accepts prompts, starts and stops machines, and reconciles what is with what should be."""
