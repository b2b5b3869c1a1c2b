// The step that moves the ledger: judges writes, ends and begins holds, records targets and the line, prunes, drops and
// writes.
import { MAX_PATTERNS } from '../retain.ts'
import { NOW, PLANS } from './ledger-record.ts'

/** Which of the items may be written. If all share one position, the server looks up their moves at once. */
const judge = (s: string, epoch: string, since: string, ends: string): string => `
      SELECT array_agg(u.kind IS DISTINCT FROM 'k' OR (
        (NOT v_holds OR NOT EXISTS (
          SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch AND h.kind = 'k' AND h.name = u.name AND (r.epoch = p_ends_epoch AND h.seq = ${ends}) IS NOT TRUE
        )) AND (${epoch} IS NULL OR (
          r.epoch = ${epoch} AND ${since} <= r.seq AND ${since} >= greatest(r.floor, r.commit_floor, v_all)
          AND NOT EXISTS (SELECT FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.name = u.name AND t.seq > ${since})
          AND NOT coalesce(u.ord = ANY (v_moved), false)
        ))
      ) ORDER BY u.ord) INTO v_allowed
      FROM unnest(p_keys, p_kinds, p_names, p_ends) WITH ORDINALITY AS u (key, kind, name, ends, ord) WHERE u.key IS NOT NULL;`

/** @param s the schema's name, quoted. */
export const advanceFunctions = (s: string): string => `
-- What a function answers cannot be replaced. Earlier versions answered other columns.
DROP FUNCTION IF EXISTS ${s}.advance(bigint, bytea, text, boolean, bigint, bigint, text, text[], bytea[], text, text, text, text, bigint, bytea[],
  bytea[], integer[], integer[], bigint[], bytea, text, text, integer[], bytea[]);
DROP FUNCTION IF EXISTS ${s}.advance(bigint, bytea, text, boolean, bigint, bigint, text, text[], bytea[], text, text, text, text, bigint, bytea[],
  bytea[], integer[], integer[], bigint[], bytea, text, text, integer[], bytea[], bigint, text[], text, bigint[]);
CREATE FUNCTION ${s}.advance(p_lock bigint, p_ns bytea, p_fresh text, p_external boolean, p_window bigint, p_most bigint, p_mode text,
  p_kinds text[], p_names bytea[], p_meta text, p_line text, p_line_clear text, p_since_epoch text, p_since bigint, p_drop bytea[],
  p_keys bytea[], p_starts integer[], p_lengths integer[], p_expires bigint[], p_bodies bytea, p_channel text, p_message text,
  p_watchers integer[], p_watch bytea[], p_hold bigint, p_labels text[], p_ends_epoch text, p_ends bigint[])
RETURNS TABLE (o_epoch text, o_seq bigint, o_there text, o_stored text) LANGUAGE plpgsql ${PLANS} AS $$
DECLARE
  r ${s}.ledger := ${s}.open_record(p_lock, p_ns, p_fresh, p_external, NULL, NULL);
  v_now bigint := ${NOW};
  v_clears boolean := p_mode = 'd' AND 'a' = ANY (p_kinds);
  v_allowed boolean[] := array_fill(true, ARRAY[cardinality(p_keys)]);
  v_all bigint;
  v_moved bigint[];
  v_holds boolean;
  v_up_to bigint;
  v_count bigint;
  v_among text[];
BEGIN
  IF cardinality(p_keys) > 0 THEN
    v_holds := EXISTS (SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch);
    -- A pattern counts as a move of every key. p_watch holds tags; p_watchers, for each, which of the items bears it. What ends a hold is judged from that on.
    SELECT array_agg(w.item) INTO v_moved FROM unnest(p_watchers, p_watch) AS w (item, name)
    WHERE EXISTS (SELECT FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 't' AND t.name = w.name AND t.seq > coalesce(p_ends[w.item], p_since));
    SELECT max(t.seq) INTO v_all FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{a,p}');
    IF p_ends_epoch IS NULL THEN ${judge(s, 'p_since_epoch', 'p_since', 'NULL')}
    ELSE ${judge(s, '(CASE WHEN u.ends IS NULL THEN p_since_epoch ELSE p_ends_epoch END)', 'coalesce(u.ends, p_since)', 'u.ends')}
    END IF;
    IF p_since_epoch IS NOT NULL OR p_ends_epoch IS NOT NULL THEN o_stored := array_to_string(v_allowed::integer[], ''); END IF;
  END IF;
  IF p_ends_epoch = r.epoch THEN
    DELETE FROM ${s}.hold h USING unnest(p_kinds, p_names, p_ends) AS u (kind, name, seq)
    WHERE h.epoch = r.epoch AND h.kind = u.kind AND h.name = u.name AND h.seq = u.seq;
  END IF;

  r.seq := r.seq + 1;
  IF 'p' = ANY (p_kinds) THEN
    -- Patterns are matched one by one on each read: too many become a clear.
    SELECT count(*) INTO v_count FROM (
      SELECT t.name FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'p' AND t.seq > r.floor
      UNION SELECT u.name FROM unnest(p_kinds, p_names) AS u (kind, name) WHERE u.kind = 'p'
    ) AS patterns;
    IF v_count > ${MAX_PATTERNS} THEN
      v_clears := true; p_mode := 'd'; p_line := p_line_clear; p_kinds := p_kinds || 'a'::text; p_names := p_names || ''::bytea;
    END IF;
  END IF;
  IF v_clears THEN r.floor := r.seq; END IF;
  INSERT INTO ${s}.target AS t (epoch, kind, name, mode, seq, meta)
  SELECT DISTINCT r.epoch, u.kind, u.name, p_mode, r.seq, p_meta FROM unnest(p_kinds, p_names) AS u (kind, name)
  ON CONFLICT (epoch, kind, name, mode) DO UPDATE SET seq = excluded.seq, meta = excluded.meta;
  INSERT INTO ${s}.line (epoch, seq, at, line) VALUES (r.epoch, r.seq, v_now, p_line);
  IF p_hold IS NOT NULL THEN
    INSERT INTO ${s}.hold (epoch, kind, name, seq, until, label)
    SELECT r.epoch, u.kind, u.name, r.seq, v_now + p_hold, u.label FROM unnest(p_kinds, p_names, p_labels) AS u (kind, name, label)
    WHERE u.kind = ANY ('{k,t}') ON CONFLICT DO NOTHING;
  END IF;

  -- Lines beyond the window or the count leave, a few with each step, and with them the key targets of their time.
  SELECT max(o.seq) INTO v_up_to FROM (
    SELECT l.seq, l.at FROM ${s}.line l WHERE l.epoch = r.epoch AND l.seq >= r.oldest AND l.seq < r.seq ORDER BY l.seq LIMIT 4
  ) AS o WHERE o.at <= v_now - p_window OR o.seq <= r.seq - p_most;
  IF v_up_to IS NOT NULL THEN
    DELETE FROM ${s}.line l WHERE l.epoch = r.epoch AND l.seq >= r.oldest AND l.seq <= v_up_to;
    r.oldest := v_up_to + 1;
    IF NOT r.external THEN
      DELETE FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.seq > r.commit_floor AND t.seq <= v_up_to;
      r.commit_floor := greatest(r.commit_floor, v_up_to);
    END IF;
  END IF;
  -- Targets over the count: the oldest leave, and a floor says so for all that they stood for.
  IF r.seq % greatest(1, least(256, p_most / 16)) = 0 THEN
    DELETE FROM ${s}.target d WHERE d.ctid = ANY (ARRAY(
      SELECT t.ctid FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{t,p,a}') AND t.seq < r.floor LIMIT 1000
    ));
    FOREACH v_among SLICE 1 IN ARRAY '{{k,k,k},{t,p,a}}'::text[] LOOP
      SELECT count(*) INTO v_count FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among);
      CONTINUE WHEN v_count <= p_most;
      SELECT t.seq INTO v_up_to FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among) ORDER BY t.seq
        OFFSET v_count - p_most * 95 / 100 - 1 LIMIT 1;
      DELETE FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among) AND t.seq <= v_up_to;
      IF v_among[1] = 'k' THEN r.commit_floor := greatest(r.commit_floor, v_up_to);
      ELSE r.floor := greatest(r.floor, v_up_to); END IF;
    END LOOP;
  END IF;
  UPDATE ${s}.ledger SET seq = r.seq, floor = r.floor, commit_floor = r.commit_floor, oldest = r.oldest WHERE ns = p_ns AND epoch = r.epoch;
  IF NOT FOUND THEN RAISE EXCEPTION 'millpond: the record of this namespace was removed meanwhile'; END IF;

  o_there := '';
  IF cardinality(p_drop) > 0 THEN
    WITH gone AS (SELECT e.key FROM ${s}.entry e WHERE e.key = ANY (p_drop) ORDER BY e.key FOR UPDATE),
      removed AS (DELETE FROM ${s}.entry e USING gone WHERE e.key = gone.key RETURNING e.key)
    SELECT string_agg(CASE WHEN r2.key IS NULL THEN '0' ELSE '1' END, '' ORDER BY d.ord) INTO o_there
    FROM unnest(p_drop) WITH ORDINALITY AS d (key, ord) LEFT JOIN removed r2 ON r2.key = d.key;
  END IF;
  IF cardinality(p_keys) > 0 THEN
    PERFORM ${s}.put(array_fill(r.epoch, ARRAY[cardinality(p_keys)]), array_fill(r.seq, ARRAY[cardinality(p_keys)]), p_keys, p_starts, p_lengths,
      p_expires, v_allowed, p_bodies);
  END IF;
  IF p_channel IS NOT NULL THEN PERFORM pg_notify(p_channel, p_message); END IF;
  o_epoch := r.epoch; o_seq := r.seq;
  RETURN NEXT;
END $$;
`
