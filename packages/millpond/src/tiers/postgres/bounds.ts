// The limits on entries, enforced by the server in the transaction of each write, for all writers.
//
// Usage is counted by triggers, in a few rows: each statement adds to one that is not locked at the moment, or to a new
// one. So no writer waits for another's counter, and the sum is exact in every snapshot. A write that exceeds a limit
// evicts the oldest entries; locked ones are skipped (SKIP LOCKED), so that eviction never waits and cannot deadlock.
// The sweep evicts ahead of need, so that writes seldom must.
//
// The oldest entries are those written first. Ordering by last use would make each read a write (a dead row and a WAL
// record), for an order that the memory tier above knows better.
import type { TierBounds } from '../../core/contracts.ts'
import { PLANS } from './ledger-record.ts'

/**
 * Approximate size of a row on disk: includes the head, indexes (the key twice) and the TOAST chunks of a large body,
 * but not space that vacuum has yet to free.
 */
export const weightOf = (row: string): string =>
  `(200 + 2 * octet_length(${row}.key) + octet_length(${row}.body) * 33 / 32 + CASE WHEN octet_length(${row}.body) > 2000 THEN 600 ELSE 0 END)::bigint`

/** Maximum rows that one write evicts: about 50 ms on a slow server. */
const AT_ONCE = 5000
/**
 * A write that must evict evicts up to this many rows more than needed: evicting them one at a time costs several times
 * as much.
 */
const AHEAD = 200
/** The sweep evicts down to this share, so that writes until its next round need not evict. */
const LOW_WATER = 0.97

/** Evicts ahead of need, if there are limits. @param s the schema's name, quoted. */
export const sweepBounds = (s: string): string => `${s}.make_room(${LOW_WATER}, p_limit)`

/** @param s the schema's name, quoted. */
export const boundFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.count_usage(p_entries bigint, p_bytes bigint, p_evicted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ${s}.usage u SET entries = u.entries + p_entries, bytes = u.bytes + p_bytes, evicted = u.evicted + p_evicted
  WHERE u.id = (SELECT f.id FROM ${s}.usage f ORDER BY f.id LIMIT 1 FOR UPDATE SKIP LOCKED);
  IF NOT FOUND THEN INSERT INTO ${s}.usage (entries, bytes, evicted) VALUES (p_entries, p_bytes, p_evicted); END IF;
END $$;
-- So many of the oldest, or so many bytes of them; tells how many rows it took.
CREATE OR REPLACE FUNCTION ${s}.evict(p_entries bigint, p_bytes bigint, p_limit bigint) RETURNS TABLE (o_gone bigint, o_freed bigint)
LANGUAGE sql ${PLANS} SET enable_sort = off AS $$
  WITH oldest AS MATERIALIZED (
    SELECT e.key, e.born, ${weightOf('e')} AS weight FROM ${s}.entry e ORDER BY e.born NULLS FIRST LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), leaving AS (
    SELECT r.key FROM (
      SELECT o.key, row_number() OVER w AS place, sum(o.weight) OVER w - o.weight AS before FROM oldest o WINDOW w AS (ORDER BY o.born NULLS FIRST, o.key)
    ) AS r WHERE r.place <= p_entries OR r.before < p_bytes
  ), gone AS (DELETE FROM ${s}.entry d USING leaving l WHERE d.key = l.key RETURNING ${weightOf('d')} AS weight)
  SELECT count(*), coalesce(sum(g.weight), 0)::bigint FROM gone g
$$;
CREATE OR REPLACE FUNCTION ${s}.make_room(p_share double precision, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  b ${s}.bound;
  v_entries bigint;
  v_bytes bigint;
  v_more bigint;
  v_heavy bigint;
  v_gone bigint;
  v_freed bigint;
  v_all integer := 0;
BEGIN
  SELECT * INTO b FROM ${s}.bound;
  IF NOT FOUND THEN RETURN 0; END IF;
  SELECT sum(u.entries), sum(u.bytes) INTO v_entries, v_bytes FROM ${s}.usage u;
  IF p_share = 1 THEN
    IF v_entries > b.max_entries THEN b.max_entries := b.max_entries - least(b.max_entries / 200, ${AHEAD}); END IF;
    IF v_bytes > b.max_bytes THEN b.max_bytes := b.max_bytes - least(b.max_bytes / 200, ${AHEAD} * v_bytes / greatest(v_entries, 1)); END IF;
  END IF;
  LOOP
    v_more := greatest(0, v_entries - floor(b.max_entries * p_share)::bigint);
    v_heavy := greatest(0, v_bytes - floor(b.max_bytes * p_share)::bigint);
    EXIT WHEN coalesce(v_more, 0) = 0 AND coalesce(v_heavy, 0) = 0 OR v_entries <= 0 OR v_all >= p_limit;
    -- As many as it takes if they weigh what all weigh in the mean; what is missing then comes in the next round.
    SELECT e.o_gone, e.o_freed INTO v_gone, v_freed
    FROM ${s}.evict(v_more, v_heavy, least(p_limit - v_all, greatest(v_more, v_heavy * v_entries / greatest(v_bytes, 1) + 1))) e;
    EXIT WHEN v_gone = 0;
    v_entries := v_entries - v_gone;
    v_bytes := v_bytes - v_freed;
    v_all := v_all + v_gone;
  END LOOP;
  IF v_all > 0 THEN PERFORM ${s}.count_usage(0, 0, v_all); END IF;
  RETURN v_all;
END $$;
CREATE OR REPLACE FUNCTION ${s}.count_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_entries bigint;
  v_bytes bigint;
BEGIN
  SELECT count(*), sum(${weightOf('a')}) INTO v_entries, v_bytes FROM added a;
  IF v_entries > 0 THEN
    PERFORM ${s}.count_usage(v_entries, v_bytes, 0);
    PERFORM ${s}.make_room(1, ${AT_ONCE});
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ${s}.count_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_bytes bigint;
BEGIN
  SELECT coalesce((SELECT sum(${weightOf('a')}) FROM added a), 0) - coalesce((SELECT sum(${weightOf('g')}) FROM gone g), 0) INTO v_bytes;
  IF v_bytes <> 0 THEN PERFORM ${s}.count_usage(0, v_bytes, 0); END IF;
  IF v_bytes > 0 THEN PERFORM ${s}.make_room(1, ${AT_ONCE}); END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ${s}.count_gone() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_entries bigint;
  v_bytes bigint;
BEGIN
  SELECT count(*), sum(${weightOf('g')}) INTO v_entries, v_bytes FROM gone g;
  IF v_entries > 0 THEN PERFORM ${s}.count_usage(-v_entries, -v_bytes, 0); END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ${s}.count_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ${s}.usage;
  RETURN NULL;
END $$;
`

/**
 * Tables for limits on entries. A counter must not survive a crash that loses the entries: it is logged or unlogged as
 * they are.
 */
export const boundTables = (s: string): string => `
DO $$ BEGIN
  IF to_regclass('${s}.usage') IS NULL THEN
    EXECUTE CASE (SELECT c.relpersistence FROM pg_catalog.pg_class c WHERE c.oid = '${s}.entry'::regclass) WHEN 'u' THEN 'CREATE UNLOGGED' ELSE 'CREATE' END
      || ' TABLE ${s}.usage (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entries bigint NOT NULL, bytes bigint NOT NULL, evicted bigint NOT NULL)
           WITH (fillfactor = 10)';
  END IF;
END $$;
CREATE TABLE IF NOT EXISTS ${s}.bound (one boolean PRIMARY KEY DEFAULT true CHECK (one), max_entries bigint, max_bytes bigint);
ALTER TABLE ${s}.entry ADD COLUMN IF NOT EXISTS born bigint;
`

/** Starts counting, including existing entries; from then on for all users of the schema. */
export const beginBounds = (s: string): string => `
DO $$ BEGIN
  IF NOT ${isBounded(s)} THEN
    ALTER TABLE ${s}.entry ALTER COLUMN born SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    ALTER TABLE ${s}.entry SET (autovacuum_vacuum_scale_factor = 0.05);
    CREATE INDEX IF NOT EXISTS entry_born ON ${s}.entry (born NULLS FIRST);
    CREATE TRIGGER entry_added AFTER INSERT ON ${s}.entry REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ${s}.count_added();
    CREATE TRIGGER entry_replaced AFTER UPDATE ON ${s}.entry REFERENCING OLD TABLE AS gone NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION ${s}.count_replaced();
    CREATE TRIGGER entry_gone AFTER DELETE ON ${s}.entry REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION ${s}.count_gone();
    CREATE TRIGGER entry_emptied AFTER TRUNCATE ON ${s}.entry FOR EACH STATEMENT EXECUTE FUNCTION ${s}.count_emptied();
    DELETE FROM ${s}.usage;
    INSERT INTO ${s}.usage (entries, bytes, evicted) SELECT count(*), coalesce(sum(${weightOf('e')}), 0), 0 FROM ${s}.entry e;
  END IF;
END $$;
`

/** Whether the entries are counted. */
export const isBounded = (s: string): string =>
  `EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = '${s}.entry'::regclass AND t.tgname = 'entry_added')`

/** Sets the limits on the server, if they differ from the current ones. */
export const sayBounds = (s: string, { maxEntries, maxBytes }: TierBounds): string => `
INSERT INTO ${s}.bound AS b (max_entries, max_bytes) VALUES (${maxEntries ?? 'NULL'}, ${maxBytes ?? 'NULL'})
ON CONFLICT (one) DO UPDATE SET max_entries = excluded.max_entries, max_bytes = excluded.max_bytes
WHERE (b.max_entries, b.max_bytes) IS DISTINCT FROM (excluded.max_entries, excluded.max_bytes)`
