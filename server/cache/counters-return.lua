-- Hand units back that were leased and not spent.
-- KEYS epoch, counter   ARGV epoch, holder, units
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then return -1 end
local field = 'held:' .. ARGV[2]
local held = tonumber(redis.call('HGET', KEYS[2], field) or '0')
local units = math.min(held, tonumber(ARGV[3]))
-- Nothing left to hand back: a negated zero is written "-0", which Redis refuses as a number.
if units == 0 then return tonumber(redis.call('HGET', KEYS[2], 'total') or '0') end
redis.call('HINCRBY', KEYS[2], field, string.format('%.0f', -units))
return redis.call('HINCRBY', KEYS[2], 'total', string.format('%.0f', -units))
