-- 8 categories, 10 000 products and 200 000 reviews. Arithmetic instead of random(): every run
-- has the same catalogue, so what a page shows can be written down.

INSERT INTO categories (id, name)
VALUES (1, 'books'), (2, 'garden'), (3, 'kitchen'), (4, 'lighting'),
       (5, 'music'), (6, 'office'), (7, 'outdoor'), (8, 'toys');

INSERT INTO products (id, category_id, name, description, price_cents, sold)
SELECT n,
       1 + n % 8,
       (ARRAY['Plain', 'Sturdy', 'Quiet', 'Folding', 'Oak', 'Copper', 'Linen', 'Winter', 'Pocket', 'Grand'])[1 + n % 10]
           || ' ' ||
       (ARRAY['Lamp', 'Kettle', 'Chair', 'Atlas', 'Trowel', 'Drum', 'Desk', 'Kite', 'Basket', 'Clock', 'Stool'])[1 + n % 11]
           || ' no. ' || n,
       repeat('Made to last and easy to repair. ', (1 + n % 5)::integer),
       199 + (n * 7919) % 50000,
       (n * 104729) % 99991
FROM generate_series(1::bigint, 10000) AS n;

-- 7919 is prime to 10 000, so that the reviews spread over all products in no visible order; some
-- products are liked better than others.
INSERT INTO reviews (id, product_id, stars, body)
SELECT n,
       product_id,
       1 + product_id % 3 + (n / 10000 + product_id) % 3,
       'Bought it for my sister; review ' || n || ' says it does what it should.'
FROM (SELECT n, 1 + (n * 7919) % 10000 AS product_id FROM generate_series(1::bigint, 200000) AS n) r;
