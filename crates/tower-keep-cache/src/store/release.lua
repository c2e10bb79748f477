-- Gives a lease back, if it is still the caller's (R3).
--
-- KEYS  1 the entry's lease
-- ARGV  1 the lease
-- Returns 1 given back, 0 gone or another's
--
-- Why a script: between comparing and deleting, the lease could run out and be taken by another.
-- Late execution is harmless: it takes away nobody's lease but the caller's.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
