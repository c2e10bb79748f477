-- The best selling products of a category with their ratings. $1: name of the category, $2: how many.
SELECT p.id, p.name, p.price_cents, p.sold, r.reviews, r.rating
FROM categories c
JOIN products p ON p.category_id = c.id
CROSS JOIN LATERAL (
    SELECT count(*) AS reviews, round(avg(stars), 2)::float8 AS rating
    FROM reviews
    WHERE product_id = p.id
) r
WHERE c.name = $1
ORDER BY p.sold DESC, p.id
LIMIT $2
