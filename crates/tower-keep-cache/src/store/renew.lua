-- Lets a lease last on, if it is still the caller's (R3).
--
-- KEYS  1 the entry's lease
-- ARGV  1 the lease; 2 life of a lease, ms
-- Returns 1 renewed, 0 gone or another's
--
-- Why a script: between comparing and extending, the lease could run out and be taken by another.
-- Late execution keeps the key from being filled for one more life of a lease, at most.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
