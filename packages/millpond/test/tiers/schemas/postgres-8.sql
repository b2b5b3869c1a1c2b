
BEGIN;
SET LOCAL statement_timeout = '30s';
SET LOCAL client_min_messages = 'warning';
SELECT pg_advisory_xact_lock(-4088787414943153495);
DO $$ BEGIN
  IF to_regnamespace('"as_of_8"') IS NULL THEN CREATE SCHEMA "as_of_8"; END IF;
END $$;
CREATE TABLE IF NOT EXISTS "as_of_8".meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".server (one boolean PRIMARY KEY DEFAULT true CHECK (one), id text NOT NULL);
CREATE TABLE IF NOT EXISTS "as_of_8".entry (
  key bytea PRIMARY KEY, epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, expires bigint, body bytea NOT NULL
);
ALTER TABLE "as_of_8".entry ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE "as_of_8".entry ADD COLUMN IF NOT EXISTS head bigint;
CREATE INDEX IF NOT EXISTS entry_expires ON "as_of_8".entry (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS "as_of_8".ledger (
  ns bytea PRIMARY KEY, epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, floor bigint NOT NULL, commit_floor bigint NOT NULL,
  oldest bigint NOT NULL, external boolean NOT NULL, server text NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE IF NOT EXISTS "as_of_8".target (
  epoch text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name bytea NOT NULL, mode text COLLATE "C" NOT NULL,
  seq bigint NOT NULL, meta text NOT NULL, PRIMARY KEY (epoch, kind, name, mode)
);
CREATE INDEX IF NOT EXISTS target_seq ON "as_of_8".target (epoch, kind, seq);
CREATE TABLE IF NOT EXISTS "as_of_8".line (
  epoch text COLLATE "C" NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, line text NOT NULL, PRIMARY KEY (epoch, seq)
);
CREATE TABLE IF NOT EXISTS "as_of_8".hold (
  epoch text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name bytea NOT NULL, seq bigint NOT NULL, until bigint NOT NULL, label text NOT NULL,
  PRIMARY KEY (epoch, kind, name, seq)
);
CREATE INDEX IF NOT EXISTS hold_until ON "as_of_8".hold (epoch, until);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".lease (ns bytea NOT NULL, key bytea NOT NULL, id text NOT NULL, until bigint NOT NULL, PRIMARY KEY (ns, key));
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".node (
  epoch text COLLATE "C" NOT NULL, id text NOT NULL, seq bigint NOT NULL, at bigint NOT NULL, PRIMARY KEY (epoch, id)
);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".channel (name text COLLATE "C" PRIMARY KEY, mark text NOT NULL, seq bigint NOT NULL);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".channel_node (
  channel text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, boot text NOT NULL, at bigint NOT NULL, late bigint NOT NULL, forget bigint NOT NULL,
  state text NOT NULL, PRIMARY KEY (channel, id)
);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".channel_request (
  channel text COLLATE "C" NOT NULL, seq bigint NOT NULL, id text NOT NULL, asker text NOT NULL, recipients text, body text NOT NULL, ends bigint NOT NULL,
  PRIMARY KEY (channel, seq)
);
CREATE UNLOGGED TABLE IF NOT EXISTS "as_of_8".channel_reply (
  channel text COLLATE "C" NOT NULL, request text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, boot text NOT NULL, body text NOT NULL,
  ends bigint NOT NULL, PRIMARY KEY (channel, request, id)
);
CREATE TABLE IF NOT EXISTS "as_of_8".channel_setting (
  channel text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, revision text NOT NULL, body text NOT NULL, PRIMARY KEY (channel, name)
);

CREATE OR REPLACE FUNCTION "as_of_8".open_record(p_lock bigint, p_ns bytea, p_fresh text, p_external boolean, p_ahead_of text, p_ahead bigint)
RETURNS "as_of_8".ledger LANGUAGE plpgsql AS $$
DECLARE
  r "as_of_8".ledger;
  v_me text;
  v_now bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RAISE EXCEPTION 'millpond needs READ COMMITTED, not %: set default_transaction_isolation for this role', current_setting('transaction_isolation');
  END IF;
  PERFORM pg_advisory_xact_lock(p_lock);
  v_me := (SELECT m.id || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || d.oid || '/' || pg_relation_filenode('"as_of_8".ledger')
    FROM "as_of_8".server m, pg_catalog.pg_database d WHERE d.datname = current_database());
  IF v_me IS NULL THEN
    INSERT INTO "as_of_8".server (id) VALUES (p_fresh) ON CONFLICT DO NOTHING;
    v_me := (SELECT m.id || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || d.oid || '/' || pg_relation_filenode('"as_of_8".ledger')
    FROM "as_of_8".server m, pg_catalog.pg_database d WHERE d.datname = current_database());
  END IF;
  SELECT * INTO r FROM "as_of_8".ledger WHERE ns = p_ns;
  IF r.epoch IS NULL OR r.server <> v_me OR (r.epoch = p_ahead_of AND r.seq < p_ahead) THEN
    INSERT INTO "as_of_8".ledger (ns, epoch, seq, floor, commit_floor, oldest, external, server) VALUES (p_ns, p_fresh, 0, 0, 0, 1, p_external, v_me)
    ON CONFLICT (ns) DO UPDATE SET epoch = excluded.epoch, seq = 0, floor = 0, commit_floor = 0, oldest = 1, external = excluded.external, server = excluded.server
    RETURNING * INTO r;
  ELSIF p_external AND NOT r.external THEN
    UPDATE "as_of_8".ledger SET external = true WHERE ns = p_ns RETURNING * INTO r;
  END IF;
  -- A hold that ran out: what it names is not known to have been told, and moves now.
  v_now := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  IF EXISTS (SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.until <= v_now) THEN
    UPDATE "as_of_8".ledger SET seq = seq + 1 WHERE ns = p_ns RETURNING * INTO r;
    WITH over AS (DELETE FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.until <= v_now RETURNING h.kind, h.name, h.label),
    named AS (SELECT DISTINCT o.kind, o.name, o.label FROM over o),
    moved AS (
      INSERT INTO "as_of_8".target (epoch, kind, name, mode, seq, meta)
      SELECT r.epoch, n.kind, n.name, 'd', r.seq, '["data_changed","hold"]' FROM named n
      ON CONFLICT (epoch, kind, name, mode) DO UPDATE SET seq = excluded.seq, meta = excluded.meta
    )
    INSERT INTO "as_of_8".line (epoch, seq, at, line)
    SELECT r.epoch, r.seq, v_now, '{"t":[' || string_agg(n.label, ',') || '],"m":"d","r":"data_changed","i":"hold"}' FROM named n;
  END IF;
  RETURN r;
END $$;

DROP FUNCTION IF EXISTS "as_of_8".pull(bytea, text, bigint, boolean, bigint, bigint);
CREATE FUNCTION "as_of_8".pull(p_ns bytea, p_epoch text, p_seq bigint, p_external boolean, p_tail bigint, p_snapshot bigint)
RETURNS TABLE (o_kind text, o_epoch text, o_seq bigint, o_floor bigint, o_lines text, o_outer bigint) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  r "as_of_8".ledger;
  v_count bigint;
  v_keys bigint;
BEGIN
  SELECT * INTO r FROM "as_of_8".ledger WHERE ns = p_ns;
  -- Nothing is answered where the record must change first: see begin.
  IF r.epoch IS NULL OR r.server IS DISTINCT FROM (SELECT m.id || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || d.oid || '/' || pg_relation_filenode('"as_of_8".ledger')
    FROM "as_of_8".server m, pg_catalog.pg_database d WHERE d.datname = current_database()) OR (p_external AND NOT r.external) OR (r.epoch = p_epoch AND r.seq < p_seq)
    OR EXISTS (SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.until <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint) THEN RETURN; END IF;
  o_epoch := r.epoch; o_seq := r.seq; o_floor := r.floor; o_outer := greatest(r.floor, r.commit_floor);
  IF r.epoch = p_epoch AND p_seq >= r.oldest - 1 AND r.seq - p_seq <= p_tail THEN
    o_kind := 'tail';
    SELECT count(*), coalesce(string_agg(l.line, ',' ORDER BY l.seq), '') INTO v_count, o_lines FROM "as_of_8".line l WHERE l.epoch = r.epoch AND l.seq > p_seq;
    IF v_count = r.seq - p_seq THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  o_kind := 'snapshot';
  -- More than a question may take to answer: the newest, and floors for this reader alone that stand for the rest.
  SELECT t.seq INTO v_count FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{t,p,a}') AND t.seq > r.floor
    ORDER BY t.seq DESC OFFSET p_snapshot LIMIT 1;
  o_floor := greatest(r.floor, v_count);
  SELECT t.seq INTO v_keys FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.seq > r.floor
    ORDER BY t.seq DESC OFFSET p_snapshot LIMIT 1;
  o_outer := greatest(o_outer, o_floor, v_keys);
  SELECT coalesce(string_agg('[' || g.seq || ',"' || g.mode || '",' || g.meta || ',"' || g.names || '"]', ',' ORDER BY g.seq), '') INTO o_lines FROM (
    SELECT t.seq, t.mode, t.meta, string_agg(t.kind || encode(t.name, 'hex'), ' ') AS names FROM "as_of_8".target t
    WHERE t.epoch = r.epoch AND t.seq >= r.floor
      AND ((t.kind = 'k' AND (v_keys IS NULL OR t.seq > v_keys)) OR (t.kind <> 'k' AND (v_count IS NULL OR t.seq > v_count)))
    GROUP BY t.seq, t.mode, t.meta
  ) AS g;
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION "as_of_8".put(p_epochs text[], p_seqs bigint[], p_keys bytea[], p_starts integer[], p_lengths integer[], p_expires bigint[],
  p_allowed boolean[], p_bodies bytea) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
BEGIN
  -- In the order of keys, as everywhere: two who lock the same rows must not wait for each other. A length of -1 is gone already.
  IF -1 = ANY (p_lengths) OR false = ANY (p_allowed) THEN
    WITH gone AS (
      SELECT e.key FROM "as_of_8".entry e WHERE e.key IN (
        SELECT u.key FROM unnest(p_keys, p_lengths, p_allowed) AS u (key, length, allowed) WHERE u.length < 0 OR NOT u.allowed
      ) ORDER BY e.key FOR UPDATE
    ) DELETE FROM "as_of_8".entry e USING gone WHERE e.key = gone.key;
  END IF;
  INSERT INTO "as_of_8".entry AS e (key, epoch, seq, expires, head, body)
  SELECT w.key, w.epoch, w.seq, w.expires, hashtextextended(w.epoch || ':' || w.seq || ':' || coalesce(w.expires::text, ''), 0), substring(p_bodies FROM w.start FOR w.length) FROM (
    SELECT DISTINCT ON (u.key) * FROM unnest(p_epochs, p_seqs, p_keys, p_starts, p_lengths, p_expires, p_allowed)
      WITH ORDINALITY AS u (epoch, seq, key, start, length, expires, allowed, ord)
    WHERE u.allowed ORDER BY u.key, u.ord DESC
  ) AS w WHERE w.length >= 0 ORDER BY w.key
  ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, expires = excluded.expires, head = excluded.head, body = excluded.body;
END $$;

-- What a function answers cannot be replaced. Earlier versions answered other columns.
DROP FUNCTION IF EXISTS "as_of_8".advance(bigint, bytea, text, boolean, bigint, bigint, text, text[], bytea[], text, text, text, text, bigint, bytea[],
  bytea[], integer[], integer[], bigint[], bytea, text, text, integer[], bytea[]);
DROP FUNCTION IF EXISTS "as_of_8".advance(bigint, bytea, text, boolean, bigint, bigint, text, text[], bytea[], text, text, text, text, bigint, bytea[],
  bytea[], integer[], integer[], bigint[], bytea, text, text, integer[], bytea[], bigint, text[], text, bigint[]);
CREATE FUNCTION "as_of_8".advance(p_lock bigint, p_ns bytea, p_fresh text, p_external boolean, p_window bigint, p_most bigint, p_mode text,
  p_kinds text[], p_names bytea[], p_meta text, p_line text, p_line_clear text, p_since_epoch text, p_since bigint, p_drop bytea[],
  p_keys bytea[], p_starts integer[], p_lengths integer[], p_expires bigint[], p_bodies bytea, p_channel text, p_message text,
  p_watchers integer[], p_watch bytea[], p_hold bigint, p_labels text[], p_ends_epoch text, p_ends bigint[])
RETURNS TABLE (o_epoch text, o_seq bigint, o_there text, o_stored text) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  r "as_of_8".ledger := "as_of_8".open_record(p_lock, p_ns, p_fresh, p_external, NULL, NULL);
  v_now bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
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
    v_holds := EXISTS (SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch);
    -- A pattern counts as a move of every key. p_watch holds tags; p_watchers, for each, which of the items bears it. What ends a hold is judged from that on.
    SELECT array_agg(w.item) INTO v_moved FROM unnest(p_watchers, p_watch) AS w (item, name)
    WHERE EXISTS (SELECT FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 't' AND t.name = w.name AND t.seq > coalesce(p_ends[w.item], p_since));
    SELECT max(t.seq) INTO v_all FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{a,p}');
    IF p_ends_epoch IS NULL THEN 
      SELECT array_agg(u.kind IS DISTINCT FROM 'k' OR (
        (NOT v_holds OR NOT EXISTS (
          SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.kind = 'k' AND h.name = u.name AND (r.epoch = p_ends_epoch AND h.seq = NULL) IS NOT TRUE
        )) AND (p_since_epoch IS NULL OR (
          r.epoch = p_since_epoch AND p_since <= r.seq AND p_since >= greatest(r.floor, r.commit_floor, v_all)
          AND NOT EXISTS (SELECT FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.name = u.name AND t.seq > p_since)
          AND NOT coalesce(u.ord = ANY (v_moved), false)
        ))
      ) ORDER BY u.ord) INTO v_allowed
      FROM unnest(p_keys, p_kinds, p_names, p_ends) WITH ORDINALITY AS u (key, kind, name, ends, ord) WHERE u.key IS NOT NULL;
    ELSE 
      SELECT array_agg(u.kind IS DISTINCT FROM 'k' OR (
        (NOT v_holds OR NOT EXISTS (
          SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.kind = 'k' AND h.name = u.name AND (r.epoch = p_ends_epoch AND h.seq = u.ends) IS NOT TRUE
        )) AND ((CASE WHEN u.ends IS NULL THEN p_since_epoch ELSE p_ends_epoch END) IS NULL OR (
          r.epoch = (CASE WHEN u.ends IS NULL THEN p_since_epoch ELSE p_ends_epoch END) AND coalesce(u.ends, p_since) <= r.seq AND coalesce(u.ends, p_since) >= greatest(r.floor, r.commit_floor, v_all)
          AND NOT EXISTS (SELECT FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.name = u.name AND t.seq > coalesce(u.ends, p_since))
          AND NOT coalesce(u.ord = ANY (v_moved), false)
        ))
      ) ORDER BY u.ord) INTO v_allowed
      FROM unnest(p_keys, p_kinds, p_names, p_ends) WITH ORDINALITY AS u (key, kind, name, ends, ord) WHERE u.key IS NOT NULL;
    END IF;
    IF p_since_epoch IS NOT NULL OR p_ends_epoch IS NOT NULL THEN o_stored := array_to_string(v_allowed::integer[], ''); END IF;
  END IF;
  IF p_ends_epoch = r.epoch THEN
    DELETE FROM "as_of_8".hold h USING unnest(p_kinds, p_names, p_ends) AS u (kind, name, seq)
    WHERE h.epoch = r.epoch AND h.kind = u.kind AND h.name = u.name AND h.seq = u.seq;
  END IF;

  r.seq := r.seq + 1;
  IF 'p' = ANY (p_kinds) THEN
    -- Patterns are matched one by one on each read: too many become a clear.
    SELECT count(*) INTO v_count FROM (
      SELECT t.name FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'p' AND t.seq > r.floor
      UNION SELECT u.name FROM unnest(p_kinds, p_names) AS u (kind, name) WHERE u.kind = 'p'
    ) AS patterns;
    IF v_count > 64 THEN
      v_clears := true; p_mode := 'd'; p_line := p_line_clear; p_kinds := p_kinds || 'a'::text; p_names := p_names || ''::bytea;
    END IF;
  END IF;
  IF v_clears THEN r.floor := r.seq; END IF;
  INSERT INTO "as_of_8".target AS t (epoch, kind, name, mode, seq, meta)
  SELECT DISTINCT r.epoch, u.kind, u.name, p_mode, r.seq, p_meta FROM unnest(p_kinds, p_names) AS u (kind, name)
  ON CONFLICT (epoch, kind, name, mode) DO UPDATE SET seq = excluded.seq, meta = excluded.meta;
  INSERT INTO "as_of_8".line (epoch, seq, at, line) VALUES (r.epoch, r.seq, v_now, p_line);
  IF p_hold IS NOT NULL THEN
    INSERT INTO "as_of_8".hold (epoch, kind, name, seq, until, label)
    SELECT r.epoch, u.kind, u.name, r.seq, v_now + p_hold, u.label FROM unnest(p_kinds, p_names, p_labels) AS u (kind, name, label)
    WHERE u.kind = ANY ('{k,t}') ON CONFLICT DO NOTHING;
  END IF;

  -- Lines beyond the window or the count leave, a few with each step, and with them the key targets of their time.
  SELECT max(o.seq) INTO v_up_to FROM (
    SELECT l.seq, l.at FROM "as_of_8".line l WHERE l.epoch = r.epoch AND l.seq >= r.oldest AND l.seq < r.seq ORDER BY l.seq LIMIT 4
  ) AS o WHERE o.at <= v_now - p_window OR o.seq <= r.seq - p_most;
  IF v_up_to IS NOT NULL THEN
    DELETE FROM "as_of_8".line l WHERE l.epoch = r.epoch AND l.seq >= r.oldest AND l.seq <= v_up_to;
    r.oldest := v_up_to + 1;
    IF NOT r.external THEN
      DELETE FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.seq > r.commit_floor AND t.seq <= v_up_to;
      r.commit_floor := greatest(r.commit_floor, v_up_to);
    END IF;
  END IF;
  -- Targets over the count: the oldest leave, and a floor says so for all that they stood for.
  IF r.seq % greatest(1, least(256, p_most / 16)) = 0 THEN
    DELETE FROM "as_of_8".target d WHERE d.ctid = ANY (ARRAY(
      SELECT t.ctid FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{t,p,a}') AND t.seq < r.floor LIMIT 1000
    ));
    FOREACH v_among SLICE 1 IN ARRAY '{{k,k,k},{t,p,a}}'::text[] LOOP
      SELECT count(*) INTO v_count FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among);
      CONTINUE WHEN v_count <= p_most;
      SELECT t.seq INTO v_up_to FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among) ORDER BY t.seq
        OFFSET v_count - p_most * 95 / 100 - 1 LIMIT 1;
      DELETE FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = ANY (v_among) AND t.seq <= v_up_to;
      IF v_among[1] = 'k' THEN r.commit_floor := greatest(r.commit_floor, v_up_to);
      ELSE r.floor := greatest(r.floor, v_up_to); END IF;
    END LOOP;
  END IF;
  UPDATE "as_of_8".ledger SET seq = r.seq, floor = r.floor, commit_floor = r.commit_floor, oldest = r.oldest WHERE ns = p_ns AND epoch = r.epoch;
  IF NOT FOUND THEN RAISE EXCEPTION 'millpond: the record of this namespace was removed meanwhile'; END IF;

  o_there := '';
  IF cardinality(p_drop) > 0 THEN
    WITH gone AS (SELECT e.key FROM "as_of_8".entry e WHERE e.key = ANY (p_drop) ORDER BY e.key FOR UPDATE),
      removed AS (DELETE FROM "as_of_8".entry e USING gone WHERE e.key = gone.key RETURNING e.key)
    SELECT string_agg(CASE WHEN r2.key IS NULL THEN '0' ELSE '1' END, '' ORDER BY d.ord) INTO o_there
    FROM unnest(p_drop) WITH ORDINALITY AS d (key, ord) LEFT JOIN removed r2 ON r2.key = d.key;
  END IF;
  IF cardinality(p_keys) > 0 THEN
    PERFORM "as_of_8".put(array_fill(r.epoch, ARRAY[cardinality(p_keys)]), array_fill(r.seq, ARRAY[cardinality(p_keys)]), p_keys, p_starts, p_lengths,
      p_expires, v_allowed, p_bodies);
  END IF;
  IF p_channel IS NOT NULL THEN PERFORM pg_notify(p_channel, p_message); END IF;
  o_epoch := r.epoch; o_seq := r.seq;
  RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION "as_of_8".commit(p_lock bigint, p_ns bytea, p_epochs text[], p_seqs bigint[], p_targets bytea[], p_leases text[], p_keys bytea[],
  p_starts integer[], p_lengths integer[], p_expires bigint[], p_bodies bytea) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
  r "as_of_8".ledger;
  v_now bigint;
  v_all bigint;
  v_holds boolean;
  v_allowed boolean[];
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RAISE EXCEPTION 'millpond needs READ COMMITTED, not %: set default_transaction_isolation for this role', current_setting('transaction_isolation');
  END IF;
  PERFORM pg_advisory_xact_lock_shared(p_lock);
  v_now := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  SELECT * INTO r FROM "as_of_8".ledger WHERE ns = p_ns;
  IF r.epoch IS NULL OR r.server IS DISTINCT FROM (SELECT m.id || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || d.oid || '/' || pg_relation_filenode('"as_of_8".ledger')
    FROM "as_of_8".server m, pg_catalog.pg_database d WHERE d.datname = current_database()) THEN RETURN repeat('0', cardinality(p_keys)); END IF;
  SELECT max(t.seq) INTO v_all FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'a';
  v_holds := EXISTS (SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch);
  SELECT array_agg(
      u.epoch = r.epoch AND u.seq <= r.seq AND u.seq >= greatest(r.floor, r.commit_floor, v_all)
      AND NOT EXISTS (SELECT FROM "as_of_8".target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.name = u.target AND t.seq > u.seq)
      AND (NOT v_holds OR NOT EXISTS (SELECT FROM "as_of_8".hold h WHERE h.epoch = r.epoch AND h.kind = 'k' AND h.name = u.target))
      AND (u.lease IS NULL OR EXISTS (SELECT FROM "as_of_8".lease h WHERE h.ns = p_ns AND h.key = u.target AND h.id = u.lease AND h.until > v_now))
      ORDER BY u.ord) INTO v_allowed
  FROM unnest(p_epochs, p_seqs, p_targets, p_leases) WITH ORDINALITY AS u (epoch, seq, target, lease, ord);
  -- A refused item leaves what is stored.
  IF true = ANY (v_allowed) THEN
    PERFORM "as_of_8".put(array_agg(u.epoch), array_agg(u.seq), array_agg(u.key), array_agg(u.start), array_agg(u.length), array_agg(u.expires),
      array_agg(true), p_bodies)
    FROM (
      SELECT * FROM unnest(p_epochs, p_seqs, p_keys, p_starts, p_lengths, p_expires, v_allowed)
        WITH ORDINALITY AS i (epoch, seq, key, start, length, expires, allowed, ord) WHERE i.allowed ORDER BY i.ord
    ) AS u;
  END IF;
  RETURN array_to_string(v_allowed::integer[], '');
END $$;

CREATE OR REPLACE FUNCTION "as_of_8".lease(p_ns bytea, p_key bytea, p_id text, p_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  v_left bigint;
BEGIN
  -- Answers -1 when granted, else how long the holder has left. Most who ask are refused, and being refused writes nothing.
  LOOP
    SELECT h.until - v_now INTO v_left FROM "as_of_8".lease h WHERE h.ns = p_ns AND h.key = p_key AND h.id <> p_id AND h.until > v_now;
    IF FOUND THEN RETURN v_left; END IF;
    INSERT INTO "as_of_8".lease AS h (ns, key, id, until) VALUES (p_ns, p_key, p_id, v_now + p_ms)
    ON CONFLICT (ns, key) DO UPDATE SET id = excluded.id, until = excluded.until WHERE h.id = excluded.id OR h.until <= v_now;
    IF FOUND THEN RETURN -1; END IF;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION "as_of_8".sweep(p_lock bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  v_most integer;
  v_swept integer;
  v_old text[];
BEGIN
  -- One process at a time; the others have nothing to do.
  IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN 0; END IF;
  DELETE FROM "as_of_8".entry d WHERE d.ctid = ANY (ARRAY(
    SELECT e.ctid FROM "as_of_8".entry e WHERE e.expires <= v_now ORDER BY e.expires LIMIT p_limit FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS v_most = ROW_COUNT;
  DELETE FROM "as_of_8".lease h WHERE h.until <= v_now;
  DELETE FROM "as_of_8".node n WHERE n.at <= v_now - 10000;
  DELETE FROM "as_of_8".hold h WHERE NOT EXISTS (SELECT FROM "as_of_8".ledger l WHERE l.epoch = h.epoch);
  -- Histories that no record names any more.
  WITH RECURSIVE named AS (
    (SELECT t.epoch FROM "as_of_8".target t ORDER BY t.epoch LIMIT 1)
    UNION ALL SELECT (SELECT t.epoch FROM "as_of_8".target t WHERE t.epoch > n.epoch ORDER BY t.epoch LIMIT 1) FROM named n WHERE n.epoch IS NOT NULL
  ) SELECT array_agg(n.epoch) INTO v_old FROM named n WHERE n.epoch IS NOT NULL AND n.epoch NOT IN (SELECT l.epoch FROM "as_of_8".ledger l);
  IF v_old IS NOT NULL THEN
    DELETE FROM "as_of_8".target d WHERE d.ctid = ANY (ARRAY(SELECT t.ctid FROM "as_of_8".target t WHERE t.epoch = ANY (v_old) LIMIT p_limit));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_most := greatest(v_most, v_swept);
  END IF;
  WITH RECURSIVE named AS (
    (SELECT t.epoch FROM "as_of_8".line t ORDER BY t.epoch LIMIT 1)
    UNION ALL SELECT (SELECT t.epoch FROM "as_of_8".line t WHERE t.epoch > n.epoch ORDER BY t.epoch LIMIT 1) FROM named n WHERE n.epoch IS NOT NULL
  ) SELECT array_agg(n.epoch) INTO v_old FROM named n WHERE n.epoch IS NOT NULL AND n.epoch NOT IN (SELECT l.epoch FROM "as_of_8".ledger l);
  IF v_old IS NOT NULL THEN
    DELETE FROM "as_of_8".line d WHERE d.ctid = ANY (ARRAY(SELECT t.ctid FROM "as_of_8".line t WHERE t.epoch = ANY (v_old) LIMIT p_limit));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_most := greatest(v_most, v_swept);
  END IF;
  RETURN v_most;
END $$;
INSERT INTO "as_of_8".meta (version) VALUES (8) ON CONFLICT (one) DO UPDATE SET version = greatest(meta.version, excluded.version);
COMMIT;
