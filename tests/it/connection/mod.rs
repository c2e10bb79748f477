//! The connection to Redis: what it promises when Redis is well, slow, full or gone.

mod basics;
