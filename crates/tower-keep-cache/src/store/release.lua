-- Gives a lease back, if it is still the caller's (R3).
--
-- KEYS  1 the entry's lease
-- ARGV  1 nonce of the lease, 22 characters: a caller that has heard no answer knows no more of it
-- Returns 1 given back, 0 gone or another's
--
-- Why a script: between comparing and deleting, the lease could run out and be taken by another.
-- Late execution is harmless: it takes away nobody's lease but the caller's.

local lease = redis.call('GET', KEYS[1])
if not lease or string.sub(lease, -22) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
