-- After the seed: one pass over the rows instead of one step per row.

ALTER TABLE products ADD FOREIGN KEY (category_id) REFERENCES categories;
ALTER TABLE reviews ADD FOREIGN KEY (product_id) REFERENCES products ON DELETE CASCADE;

CREATE INDEX reviews_of_product ON reviews (product_id) INCLUDE (stars);
CREATE INDEX products_of_category ON products (category_id, sold DESC, id);
CREATE INDEX products_by_sales ON products (sold DESC, id);

ANALYZE categories, products, reviews;
