-- The best selling products of the whole catalogue with their ratings. $1: how many.
SELECT p.id, p.name, p.price_cents, p.sold, r.reviews, r.rating
FROM (SELECT * FROM products ORDER BY sold DESC, id LIMIT $1) p
CROSS JOIN LATERAL (
    SELECT count(*) AS reviews, round(avg(stars), 2)::float8 AS rating
    FROM reviews
    WHERE product_id = p.id
) r
ORDER BY p.sold DESC, p.id
