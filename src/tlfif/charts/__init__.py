"""Pictures out of the API's data, used by the command line and the window."""
