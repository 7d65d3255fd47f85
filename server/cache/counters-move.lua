-- A batch of this holder is stored: its units pass from what the holder holds to what the store holds. Twice is once, by the batch's number.
-- KEYS epoch, counter   ARGV epoch, holder, number of the batch, units
-- While the counter is cold its total is the sum of what is held, and the store's share is added when it is warmed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then return 0 end
local holder, number, units = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local moved = tonumber(redis.call('HGET', KEYS[2], 'moved:' .. holder) or '-1')
if moved >= number then return 0 end
local held = tonumber(redis.call('HGET', KEYS[2], 'held:' .. holder) or '0')
local from = math.min(held, units)
if from > 0 then redis.call('HINCRBY', KEYS[2], 'held:' .. holder, string.format('%.0f', -from)) end
redis.call('HSET', KEYS[2], 'moved:' .. holder, number)
if redis.call('HEXISTS', KEYS[2], 'cold') == 1 then
  redis.call('HINCRBY', KEYS[2], 'total', string.format('%.0f', -from))
  redis.call('HSET', KEYS[2], 'passed:' .. holder, number)
  return 1
end
local stored = tonumber(redis.call('HGET', KEYS[2], 'stored:' .. holder) or '-1')
local change = units - from
if number <= stored then change = -from end
if change ~= 0 then redis.call('HINCRBY', KEYS[2], 'total', string.format('%.0f', change)) end
return 1
