-- Pings monitors in turn, or at random: args are a file with one path a line, and where to begin (or "random").
--
-- The file is kept as one string, as a million formatted requests would not fit. All paths are of one length. One
-- thread only. At the end one line says what came back, as walk.lua does.

local paths, length, most, place
local before, after = "GET ", ""

function init(args)
  local file = io.open(args[1], "rb")
  paths = file:read("*a")
  file:close()
  length = string.find(paths, "\n", 1, true)
  most = math.floor(#paths / length)
  place = tonumber(args[2])
  local template = wrk.format("GET", "/")
  after = string.sub(template, 6)
  math.randomseed(os.time())
end

function request()
  local at
  if place then
    at = place % most * length
    place = place + 1
  else
    at = math.random(0, most - 1) * length
  end
  return before .. string.sub(paths, at + 1, at + length - 1) .. after
end

-- Times are microseconds; `status` counts replies of 400 and more.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    "walked requests=%d duration=%d p50=%d p99=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
