// Removes in small steps: expired entries, the oldest entries near the limits, expired leases, nodes and holds, and
// histories that no record names any more.
import { sweepBounds } from './bounds.ts'
import { sweepProcesses } from './heartbeats.ts'
import { NOW } from './ledger-record.ts'

/** Deletes some rows of epochs that no record names, found by skipping from one epoch to the next. */
const sweepHistory = (s: string, table: 'target' | 'line'): string => `  WITH RECURSIVE named AS (
    (SELECT t.epoch FROM ${s}.${table} t ORDER BY t.epoch LIMIT 1)
    UNION ALL SELECT (SELECT t.epoch FROM ${s}.${table} t WHERE t.epoch > n.epoch ORDER BY t.epoch LIMIT 1) FROM named n WHERE n.epoch IS NOT NULL
  ) SELECT array_agg(n.epoch) INTO v_old FROM named n WHERE n.epoch IS NOT NULL AND n.epoch NOT IN (SELECT l.epoch FROM ${s}.ledger l);
  IF v_old IS NOT NULL THEN
    DELETE FROM ${s}.${table} d WHERE d.ctid = ANY (ARRAY(SELECT t.ctid FROM ${s}.${table} t WHERE t.epoch = ANY (v_old) LIMIT p_limit));
    GET DIAGNOSTICS v_swept = ROW_COUNT;
    v_most := greatest(v_most, v_swept);
  END IF;
`

/** @param s the schema's name, quoted. */
export const sweepFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.sweep(p_lock bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := ${NOW};
  v_most integer;
  v_swept integer;
  v_old text[];
BEGIN
  -- One process at a time; the others have nothing to do.
  IF NOT pg_try_advisory_xact_lock(p_lock) THEN RETURN 0; END IF;
  DELETE FROM ${s}.entry d WHERE d.ctid = ANY (ARRAY(
    SELECT e.ctid FROM ${s}.entry e WHERE e.expires <= v_now ORDER BY e.expires LIMIT p_limit FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS v_most = ROW_COUNT;
  v_most := greatest(v_most, ${sweepBounds(s)});
  DELETE FROM ${s}.lease h WHERE h.until <= v_now;${sweepProcesses(s)}
  DELETE FROM ${s}.hold h WHERE NOT EXISTS (SELECT FROM ${s}.ledger l WHERE l.epoch = h.epoch);
  -- Histories that no record names any more.
${sweepHistory(s, 'target')}${sweepHistory(s, 'line')}  RETURN v_most;
END $$;
`
