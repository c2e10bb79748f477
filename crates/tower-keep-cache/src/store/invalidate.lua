-- Makes every entry that carries one of the tags unusable, and every fill of such an entry that has
-- begun (R2). An entry and a fill are good as long as their tags are below their token.
--
-- KEYS  1 record; 2.. tags
-- ARGV  1 nonce, 22 characters; 2 hold, µs: so much longer fills are refused; 3 least life of the record, ms
-- Returns 1
--
-- Why a script: the number must be later than every token given out, and no token may be given out
-- between drawing it and writing it.
-- A tag that nobody cached anything with is not made here. It is not needed: an entry whose tag is missing is
-- not served, and the tag is made at the floor, which this moves, before anything with it is stored. So
-- invalidating what is not cached costs no memory.
-- Late or repeated execution is harmless: it costs misses.

make(ARGV[1], ARGV[3])

clock = math.max(now, clock + 1)
local value = clock + tonumber(ARGV[2])
floor = math.max(floor, value)
save(ARGV[3])

for i = 2, #KEYS do
  local old = redis.call('GET', KEYS[i])
  if old and (tonumber(old) or 0) < value then
    redis.call('SET', KEYS[i], digits(value), 'KEEPTTL')
  end
end
return 1
