// The ledger's record as the functions on the server see it, and the beginning that all steps share: each step is one
// statement, one transaction and one round trip.
//
// A namespace has one lock: `advance` and `begin` hold it alone, `commit` shares it. It is an advisory lock, held to
// the end of the transaction: fair in its order, where row locks let a stream of sharers pass a waiting writer, and
// without a write. The record's row is updated under it, so that numbers are given in the order of commits, without
// gaps; a sequence gives them in the order of asking. Every statement of a function sees what was committed when the
// lock came, because each takes its own snapshot; that needs READ COMMITTED, and the functions refuse anything else.
// `pull` is STABLE, which makes all its reads see the one moment of the calling statement.

export const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'

/**
 * Every statement has one good plan, by index: it is not planned each time, nor with a plan made while a table was
 * small. A scan that cannot be avoided is estimated at billions of rows, for which the server would compile the plan in
 * each session: so that is off, too.
 */
export const PLANS = 'SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off'

/** The run of the server that a record is bound to (see `schema.ts`). */
export const identityIn = (s: string): string =>
  `(SELECT m.id || '/' || extract(epoch FROM pg_postmaster_start_time()) || '/' || d.oid || '/' || pg_relation_filenode('${s}.ledger')
    FROM ${s}.server m, pg_catalog.pg_database d WHERE d.datname = current_database())`

/**
 * Takes the namespace's lock, and begins a new epoch if the record is invalid.
 * @param s the schema's name, quoted.
 */
export const recordFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.open_record(p_lock bigint, p_ns bytea, p_fresh text, p_external boolean, p_ahead_of text, p_ahead bigint)
RETURNS ${s}.ledger LANGUAGE plpgsql AS $$
DECLARE
  r ${s}.ledger;
  v_me text;
  v_now bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RAISE EXCEPTION 'millpond needs READ COMMITTED, not %: set default_transaction_isolation for this role', current_setting('transaction_isolation');
  END IF;
  PERFORM pg_advisory_xact_lock(p_lock);
  v_me := ${identityIn(s)};
  IF v_me IS NULL THEN
    INSERT INTO ${s}.server (id) VALUES (p_fresh) ON CONFLICT DO NOTHING;
    v_me := ${identityIn(s)};
  END IF;
  SELECT * INTO r FROM ${s}.ledger WHERE ns = p_ns;
  IF r.epoch IS NULL OR r.server <> v_me OR (r.epoch = p_ahead_of AND r.seq < p_ahead) THEN
    INSERT INTO ${s}.ledger (ns, epoch, seq, floor, commit_floor, oldest, external, server) VALUES (p_ns, p_fresh, 0, 0, 0, 1, p_external, v_me)
    ON CONFLICT (ns) DO UPDATE SET epoch = excluded.epoch, seq = 0, floor = 0, commit_floor = 0, oldest = 1, external = excluded.external, server = excluded.server
    RETURNING * INTO r;
  ELSIF p_external AND NOT r.external THEN
    UPDATE ${s}.ledger SET external = true WHERE ns = p_ns RETURNING * INTO r;
  END IF;
  -- A hold that ran out: what it names is not known to have been told, and moves now.
  v_now := ${NOW};
  IF EXISTS (SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch AND h.until <= v_now) THEN
    UPDATE ${s}.ledger SET seq = seq + 1 WHERE ns = p_ns RETURNING * INTO r;
    WITH over AS (DELETE FROM ${s}.hold h WHERE h.epoch = r.epoch AND h.until <= v_now RETURNING h.kind, h.name, h.label),
    named AS (SELECT DISTINCT o.kind, o.name, o.label FROM over o),
    moved AS (
      INSERT INTO ${s}.target (epoch, kind, name, mode, seq, meta)
      SELECT r.epoch, n.kind, n.name, 'd', r.seq, '["data_changed","hold"]' FROM named n
      ON CONFLICT (epoch, kind, name, mode) DO UPDATE SET seq = excluded.seq, meta = excluded.meta
    )
    INSERT INTO ${s}.line (epoch, seq, at, line)
    SELECT r.epoch, r.seq, v_now, '{"t":[' || string_agg(n.label, ',') || '],"m":"d","r":"data_changed","i":"hold"}' FROM named n;
  END IF;
  RETURN r;
END $$;
`
