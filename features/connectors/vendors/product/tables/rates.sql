SELECT currency, valid_from, rate FROM product_rates
