-- Take calls of one stretch of a rate limit. KEYS counter   ARGV limit, want, ahead, processes, ttl ms
-- Answers {granted, taken so far by all}
local taken = tonumber(redis.call('GET', KEYS[1]) or '0')
local want = tonumber(ARGV[2])
local rest = math.max(0, tonumber(ARGV[1]) - taken)
local most = math.floor(math.max(0, rest - want) / (16 * math.max(1, tonumber(ARGV[4]))))
local grant = math.min(rest, want + math.min(tonumber(ARGV[3]), most))
if grant > 0 then
  taken = redis.call('INCRBY', KEYS[1], string.format('%.0f', grant))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return {string.format('%.0f', grant), string.format('%.0f', taken)}
