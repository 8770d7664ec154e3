"""Where processes begin: the server, the machine, the engine."""
