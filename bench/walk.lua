-- Walks wrk through the paths of a file (its first argument), and says what came back in one line.
--
-- Requests are formatted once, so that a request costs wrk one table look-up. One thread only: `walk` is per thread.

local requests = {}
local walked = 0

function init(args)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
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
