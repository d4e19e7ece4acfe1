"""The value of customers who buy without a contract: purchase histories, buy-till-you-die models and a hybrid."""
