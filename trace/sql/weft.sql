-- SPDX-License-Identifier: Apache-2.0
--
-- Views for latency work on timelines made by `weft trace convert`, for Perfetto's trace processor
-- (`weft trace sql FILE 'SELECT ...'` loads them first) and for the query page of its UI (paste them).
--
--   weft_message       a row for each call: who, whom, when, and its stages in ns, which sum to `total`
--   weft_send          the same for each message that was sent one way; its last stage is `wakeup`
--   weft_stage         a row for each stage of each of them, and one for the whole
--   weft_latency       per path and stage: n, min, p50, p90, p99, p999, max, as `weft trace latency`
--   weft_wait          a row for each wait for a CPU: thread, how long, and who woke it
--   weft_crossing      a row for each journey through a mailbox
--
-- Only messages with all their stages are there. A stage that is no slice took no time. A percentile is
-- the smallest value that at least so many of all do not exceed.

DROP VIEW IF EXISTS weft_delivered;
CREATE PERFETTO VIEW weft_delivered AS
WITH stages AS (
  SELECT parent_id,
    SUM(CASE name WHEN 'entry' THEN dur ELSE 0 END) AS entry,
    SUM(CASE name WHEN 'enqueue' THEN dur ELSE 0 END) AS enqueue,
    SUM(CASE name WHEN 'doorbell' THEN dur ELSE 0 END) AS doorbell,
    SUM(CASE name WHEN 'wakeup' THEN dur ELSE 0 END) AS wakeup,
    SUM(CASE name WHEN 'dispatch' THEN dur ELSE 0 END) AS dispatch,
    SUM(CASE name WHEN 'service' THEN dur ELSE 0 END) AS service,
    SUM(CASE name WHEN 'reply' THEN dur ELSE 0 END) AS reply,
    SUM(CASE name WHEN 'resume' THEN dur ELSE 0 END) AS resume
  FROM slice
  WHERE depth > 0
    AND name IN ('entry', 'enqueue', 'doorbell', 'wakeup', 'dispatch', 'service', 'reply', 'resume')
  GROUP BY parent_id
), sent AS (
  SELECT id, ts, dur, track_id, name GLOB 'send to *' AS one_way,
    EXTRACT_ARG(arg_set_id, 'debug.message') AS message,
    EXTRACT_ARG(arg_set_id, 'debug.endpoint') AS endpoint,
    EXTRACT_ARG(arg_set_id, 'debug.path') AS path,
    EXTRACT_ARG(arg_set_id, 'debug.server') AS server
  FROM slice
  WHERE category = 'ipc' AND dur > 0
)
SELECT
  sent.id, sent.ts, sent.dur, sent.one_way, sent.message, sent.endpoint, sent.path,
  client.utid AS client_utid, client.tid AS client, client.name AS client_name,
  sent.server, server.name AS server_name,
  IFNULL(entry, 0) AS entry, IFNULL(enqueue, 0) AS enqueue, IFNULL(doorbell, 0) AS doorbell,
  IFNULL(wakeup, 0) AS wakeup, IFNULL(dispatch, 0) AS dispatch, IFNULL(service, 0) AS service,
  IFNULL(reply, 0) AS reply, IFNULL(resume, 0) AS resume
FROM sent
JOIN thread_track t ON t.id = sent.track_id
JOIN thread client USING (utid)
LEFT JOIN thread server ON server.tid = sent.server
LEFT JOIN stages ON stages.parent_id = sent.id
WHERE sent.server IS NOT NULL;

DROP VIEW IF EXISTS weft_message;
CREATE PERFETTO VIEW weft_message AS
SELECT id, ts, message, endpoint, path, client_utid, client, client_name, server, server_name,
  entry, enqueue, doorbell, wakeup, dispatch, service, reply, resume, dur AS total
FROM weft_delivered WHERE NOT one_way;

DROP VIEW IF EXISTS weft_send;
CREATE PERFETTO VIEW weft_send AS
SELECT id, ts, message, endpoint, path, client_utid AS sender_utid, client AS sender,
  client_name AS sender_name, server AS receiver, server_name AS receiver_name,
  entry, enqueue, doorbell, wakeup, entry + enqueue + doorbell + wakeup AS total
FROM weft_delivered WHERE one_way;

DROP VIEW IF EXISTS weft_stage;
CREATE PERFETTO VIEW weft_stage AS
SELECT d.id, d.client, d.server, d.endpoint, d.path, d.one_way, s.place, s.stage,
  CASE s.place
    WHEN 0 THEN d.entry WHEN 1 THEN d.enqueue WHEN 2 THEN d.doorbell WHEN 3 THEN d.wakeup
    WHEN 4 THEN d.dispatch WHEN 5 THEN d.service WHEN 6 THEN d.reply WHEN 7 THEN d.resume
    WHEN 8 THEN d.dur ELSE d.entry + d.enqueue + d.doorbell + d.wakeup
  END AS dur
FROM weft_delivered d
CROSS JOIN (
  SELECT 0 AS place, 'entry' AS stage UNION ALL SELECT 1, 'enqueue' UNION ALL SELECT 2, 'doorbell'
  UNION ALL SELECT 3, 'wakeup' UNION ALL SELECT 4, 'dispatch' UNION ALL SELECT 5, 'service'
  UNION ALL SELECT 6, 'reply' UNION ALL SELECT 7, 'resume' UNION ALL SELECT 8, 'round trip'
  UNION ALL SELECT 9, 'delivery'
) s
WHERE CASE WHEN d.one_way THEN s.place < 4 OR s.place = 9 ELSE s.place < 9 END;

DROP VIEW IF EXISTS weft_latency;
CREATE PERFETTO VIEW weft_latency AS
WITH ranked AS (
  SELECT client, server, endpoint, path, one_way, place, stage, dur,
    ROW_NUMBER() OVER (PARTITION BY client, server, endpoint, path, one_way, place ORDER BY dur)
      AS place_of,
    COUNT(*) OVER (PARTITION BY client, server, endpoint, path, one_way, place) AS n
  FROM weft_stage
)
SELECT client, server, endpoint, path, one_way, stage, n, MIN(dur) AS min,
  MIN(CASE WHEN place_of * 1000 >= n * 500 THEN dur END) AS p50,
  MIN(CASE WHEN place_of * 1000 >= n * 900 THEN dur END) AS p90,
  MIN(CASE WHEN place_of * 1000 >= n * 990 THEN dur END) AS p99,
  MIN(CASE WHEN place_of * 1000 >= n * 999 THEN dur END) AS p999,
  MAX(dur) AS max
FROM ranked
GROUP BY client, server, endpoint, path, one_way, place, stage, n
ORDER BY one_way, client, server, endpoint, path, place;

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
