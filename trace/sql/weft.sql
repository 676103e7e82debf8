-- SPDX-License-Identifier: Apache-2.0
--
-- Views for latency work on timelines made by `weft trace convert`, for Perfetto's trace processor
-- (`weft trace sql FILE 'SELECT ...'` loads them first) and for the query page of its UI (paste them).
--
--   weft_message       a row for each call: who, whom, when, and its stages in ns, which sum to `total`
--   weft_stage         the same, a row for each stage
--   weft_latency       per path and stage: n, min, p50, p90, p99, p999, max, as `weft trace latency`
--   weft_send          a row for each message that was sent one way
--   weft_wait          a row for each wait for a CPU: thread, how long, and who woke it
--   weft_crossing      a row for each journey through a mailbox
--
-- A percentile is the smallest value that at least so many of all do not exceed.

DROP VIEW IF EXISTS weft_message;
CREATE PERFETTO VIEW weft_message AS
SELECT
  s.id, s.ts - EXTRACT_ARG(s.arg_set_id, 'debug.entry') AS ts, s.dur AS call_dur,
  EXTRACT_ARG(s.arg_set_id, 'debug.message') AS message,
  EXTRACT_ARG(s.arg_set_id, 'debug.endpoint') AS endpoint,
  EXTRACT_ARG(s.arg_set_id, 'debug.path') AS path,
  client.utid AS client_utid, client.tid AS client, client.name AS client_name,
  EXTRACT_ARG(s.arg_set_id, 'debug.server') AS server, server.name AS server_name,
  EXTRACT_ARG(s.arg_set_id, 'debug.entry') AS entry,
  EXTRACT_ARG(s.arg_set_id, 'debug.enqueue') AS enqueue,
  EXTRACT_ARG(s.arg_set_id, 'debug.doorbell') AS doorbell,
  EXTRACT_ARG(s.arg_set_id, 'debug.wakeup') AS wakeup,
  EXTRACT_ARG(s.arg_set_id, 'debug.dispatch') AS dispatch,
  EXTRACT_ARG(s.arg_set_id, 'debug.service') AS service,
  EXTRACT_ARG(s.arg_set_id, 'debug.reply') AS reply,
  EXTRACT_ARG(s.arg_set_id, 'debug.resume') AS resume,
  s.dur + EXTRACT_ARG(s.arg_set_id, 'debug.entry') AS total
FROM slice s
JOIN thread_track t ON t.id = s.track_id
JOIN thread client USING (utid)
LEFT JOIN thread server ON server.tid = EXTRACT_ARG(s.arg_set_id, 'debug.server')
WHERE s.category = 'ipc' AND EXTRACT_ARG(s.arg_set_id, 'debug.resume') IS NOT NULL;

DROP VIEW IF EXISTS weft_stage;
CREATE PERFETTO VIEW weft_stage AS
SELECT id, client, server, endpoint, path, 0 AS place, 'entry' AS stage, entry AS dur FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 1, 'enqueue', enqueue FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 2, 'doorbell', doorbell FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 3, 'wakeup', wakeup FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 4, 'dispatch', dispatch FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 5, 'service', service FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 6, 'reply', reply FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 7, 'resume', resume FROM weft_message
UNION ALL SELECT id, client, server, endpoint, path, 8, 'round trip', total FROM weft_message;

DROP VIEW IF EXISTS weft_latency;
CREATE PERFETTO VIEW weft_latency AS
WITH ranked AS (
  SELECT client, server, endpoint, path, place, stage, dur,
    ROW_NUMBER() OVER (PARTITION BY client, server, endpoint, path, stage ORDER BY dur) AS place_of,
    COUNT(*) OVER (PARTITION BY client, server, endpoint, path, stage) AS n
  FROM weft_stage
)
SELECT client, server, endpoint, path, stage, n, MIN(dur) AS min,
  MIN(CASE WHEN place_of * 1000 >= n * 500 THEN dur END) AS p50,
  MIN(CASE WHEN place_of * 1000 >= n * 900 THEN dur END) AS p90,
  MIN(CASE WHEN place_of * 1000 >= n * 990 THEN dur END) AS p99,
  MIN(CASE WHEN place_of * 1000 >= n * 999 THEN dur END) AS p999,
  MAX(dur) AS max
FROM ranked
GROUP BY client, server, endpoint, path, place, stage, n
ORDER BY client, server, endpoint, path, place;

DROP VIEW IF EXISTS weft_send;
CREATE PERFETTO VIEW weft_send AS
SELECT
  s.id, s.ts, s.dur, sender.tid AS sender, sender.name AS sender_name,
  EXTRACT_ARG(s.arg_set_id, 'debug.message') AS message,
  EXTRACT_ARG(s.arg_set_id, 'debug.endpoint') AS endpoint,
  EXTRACT_ARG(s.arg_set_id, 'debug.path') AS path
FROM slice s
JOIN thread_track t ON t.id = s.track_id
JOIN thread sender USING (utid)
WHERE s.category = 'ipc' AND s.name GLOB 'send to *';

DROP VIEW IF EXISTS weft_wait;
CREATE PERFETTO VIEW weft_wait AS
SELECT s.id, s.ts, s.dur, t.tid AS thread, t.name AS thread_name, s.state, waker.tid AS waker,
  waker.name AS waker_name
FROM thread_state s
JOIN thread t USING (utid)
LEFT JOIN thread waker ON waker.utid = s.waker_utid
WHERE s.state IN ('R', 'R+');

DROP VIEW IF EXISTS weft_crossing;
CREATE PERFETTO VIEW weft_crossing AS
SELECT push.ts, take.ts - push.ts AS dur, SUBSTR(take.name, 6) AS why,
  push_track.name AS from_mailbox, take_track.name AS to_mailbox
FROM flow
JOIN slice push ON push.id = flow.slice_out
JOIN slice take ON take.id = flow.slice_in
JOIN track push_track ON push_track.id = push.track_id
JOIN track take_track ON take_track.id = take.track_id
WHERE push.category = 'smp' AND take.name GLOB 'take *';
