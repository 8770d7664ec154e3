"""Bootstrap: reads the settings and connects adapters to ports, for the server, the API and the router on AWS, and the
machines' workers."""
