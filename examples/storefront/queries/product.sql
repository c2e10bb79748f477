-- One product with its category and the summary of its reviews. $1: id.
SELECT p.id, p.name, p.description, c.name AS category, p.price_cents, p.sold,
       count(r.stars) AS reviews,
       round(avg(r.stars), 2)::float8 AS rating
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN reviews r ON r.product_id = p.id
WHERE p.id = $1
GROUP BY p.id, c.name
