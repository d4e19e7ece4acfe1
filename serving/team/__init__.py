"""What a team does about the list: statuses of accounts with their history, and saved views, in a database."""
