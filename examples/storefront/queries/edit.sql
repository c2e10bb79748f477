-- Replaces what may be edited of a product; returns its id, or no row. $1: id, $2: name, $3: price in cents.
UPDATE products SET name = $2, price_cents = $3 WHERE id = $1 RETURNING id
