-- Makes every entry and every running fill of a partition unusable.
--
-- KEYS  1 record
-- ARGV  1 nonce, 22 characters; 2 least life of the record, ms; 3 hold, µs: so much longer fills are refused
-- Returns 1
--
-- Why a script: as for invalidate.lua; the epoch is the tag that every entry carries.
-- Late or repeated execution is harmless: it costs misses.

make(ARGV[1], ARGV[2])

clock = math.max(now, clock + 1)
epoch = math.max(epoch, clock + tonumber(ARGV[3]))
floor = math.max(floor, epoch)
save(ARGV[2])
return 1
