-- Walks wrk through the requests of a file (its first argument), and says what came back in one line.
--
-- A request stands there ready-made, after its length and a line break, so that it costs wrk one table look-up.
-- One thread only: `walked` is per thread.

local requests = {}
local walked = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = file:read(length)
  end
  file:close()
end

function request()
  walked = walked + 1
  return requests[(walked - 1) % #requests + 1]
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
