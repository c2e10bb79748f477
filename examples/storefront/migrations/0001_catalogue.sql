-- The catalogue: categories, their products, and what people say about those.
-- Keys that only the seed would pay for are added after it, in 0003_indexes.sql.

CREATE TABLE categories (
    id   integer PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE products (
    id          bigint PRIMARY KEY,
    category_id integer NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    sold        bigint NOT NULL DEFAULT 0
);

CREATE TABLE reviews (
    id         bigint PRIMARY KEY,
    product_id bigint NOT NULL,
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body       text NOT NULL
);
