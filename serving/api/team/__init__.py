"""HTTP for what a team does about the list: statuses and saved views, as JSON and on the pages."""
