-- Minor units of one unit, of the currencies that have no hundredths.
SELECT unnest(['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF',
               'XPF']) AS currency, 1 AS units
UNION ALL
SELECT unnest(['BHD', 'JOD', 'KWD', 'OMR', 'TND']), 1000
