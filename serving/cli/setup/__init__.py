"""`undertow init` and `undertow files`: from a folder of exported files to a project, and what its files hold."""
