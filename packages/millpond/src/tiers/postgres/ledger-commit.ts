// The step that stores loaded entries, each only if nothing has moved since its load began.
import { identityIn, NOW, PLANS } from './ledger-record.ts'

/** @param s the schema's name, quoted. */
export const commitFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.commit(p_lock bigint, p_ns bytea, p_epochs text[], p_seqs bigint[], p_targets bytea[], p_leases text[], p_keys bytea[],
  p_starts integer[], p_lengths integer[], p_expires bigint[], p_bodies bytea) RETURNS text LANGUAGE plpgsql ${PLANS} AS $$
DECLARE
  r ${s}.ledger;
  v_now bigint;
  v_all bigint;
  v_holds boolean;
  v_allowed boolean[];
BEGIN
  IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
    RAISE EXCEPTION 'millpond needs READ COMMITTED, not %: set default_transaction_isolation for this role', current_setting('transaction_isolation');
  END IF;
  PERFORM pg_advisory_xact_lock_shared(p_lock);
  v_now := ${NOW};
  SELECT * INTO r FROM ${s}.ledger WHERE ns = p_ns;
  IF r.epoch IS NULL OR r.server IS DISTINCT FROM ${identityIn(s)} THEN RETURN repeat('0', cardinality(p_keys)); END IF;
  SELECT max(t.seq) INTO v_all FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'a';
  v_holds := EXISTS (SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch);
  SELECT array_agg(
      u.epoch = r.epoch AND u.seq <= r.seq AND u.seq >= greatest(r.floor, r.commit_floor, v_all)
      AND NOT EXISTS (SELECT FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.name = u.target AND t.seq > u.seq)
      AND (NOT v_holds OR NOT EXISTS (SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch AND h.kind = 'k' AND h.name = u.target))
      AND (u.lease IS NULL OR EXISTS (SELECT FROM ${s}.lease h WHERE h.ns = p_ns AND h.key = u.target AND h.id = u.lease AND h.until > v_now))
      ORDER BY u.ord) INTO v_allowed
  FROM unnest(p_epochs, p_seqs, p_targets, p_leases) WITH ORDINALITY AS u (epoch, seq, target, lease, ord);
  -- A refused item leaves what is stored.
  IF true = ANY (v_allowed) THEN
    PERFORM ${s}.put(array_agg(u.epoch), array_agg(u.seq), array_agg(u.key), array_agg(u.start), array_agg(u.length), array_agg(u.expires),
      array_agg(true), p_bodies)
    FROM (
      SELECT * FROM unnest(p_epochs, p_seqs, p_keys, p_starts, p_lengths, p_expires, v_allowed)
        WITH ORDINALITY AS i (epoch, seq, key, start, length, expires, allowed, ord) WHERE i.allowed ORDER BY i.ord
    ) AS u;
  END IF;
  RETURN array_to_string(v_allowed::integer[], '');
END $$;
`
