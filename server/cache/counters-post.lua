-- After the counts were lost: a live holder says what it holds (leased, in flight, recorded but not stored).
-- KEYS epoch, counter, names of the holder, holders   ARGV epoch, holder, name, units, number of its last stored batch, ttl ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'total', 0, 'cold', 1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[6])
local field = 'held:' .. ARGV[2]
local before = tonumber(redis.call('HGET', KEYS[2], field) or '0')
redis.call('HSET', KEYS[2], field, ARGV[4], 'moved:' .. ARGV[2], ARGV[5])
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('SADD', KEYS[4], ARGV[2])
return redis.call('HINCRBY', KEYS[2], 'total', string.format('%.0f', tonumber(ARGV[4]) - before))
