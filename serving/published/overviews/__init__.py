"""What is said of all accounts: queries, answers and words of drivers by month, journeys and personas."""
