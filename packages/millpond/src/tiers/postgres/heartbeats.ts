// Which processes live, said once a second for all namespaces, and how far each is in those that it uses: a row for
// each process, and one for each history that it follows. All are unlogged: what a crash empties is said again, in new
// epochs.
import { NOW, PLANS } from './ledger-record.ts'

/** After so long a silence a process counts as ended. */
export const NODE_MS = 3000

/**
 * `node.at` of what holds for as long as its process has a heartbeat. Programs of schema version 9 that still run know
 * no heartbeats: to them such a row never grows old, so they wait for its process.
 */
export const BY_HEARTBEAT = '8000000000000000'

/** @param s the schema's name, quoted. */
export const heartbeatFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.beat(p_id text, p_count bigint, p_epochs text[], p_seqs bigint[], p_left bytea[]) RETURNS boolean LANGUAGE plpgsql ${PLANS} AS $$
DECLARE
  v_now bigint := ${NOW};
  v_count bigint;
  v_at bigint;
BEGIN
  -- Whoever holds the row of the process has it alone: one heartbeat after another, and none while the sweep removes it.
  LOOP
    INSERT INTO ${s}.heartbeat (id, count, at) VALUES (p_id, -1, 0) ON CONFLICT (id) DO NOTHING;
    SELECT b.count, b.at INTO v_count, v_at FROM ${s}.heartbeat b WHERE b.id = p_id FOR UPDATE;
    EXIT WHEN FOUND;
  END LOOP;
  IF v_count > p_count THEN RETURN true; END IF;
  UPDATE ${s}.heartbeat SET count = p_count, at = v_now WHERE id = p_id;
  -- It had ended, and was in no namespace.
  IF v_at <= v_now - ${NODE_MS} THEN DELETE FROM ${s}.node n WHERE n.id = p_id AND n.at = ${BY_HEARTBEAT}; END IF;
  INSERT INTO ${s}.node (epoch, id, seq, at)
  SELECT u.epoch, p_id, min(u.seq), ${BY_HEARTBEAT} FROM unnest(p_epochs, p_seqs) AS u (epoch, seq) GROUP BY u.epoch
  ON CONFLICT (epoch, id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
  DELETE FROM ${s}.node n USING ${s}.ledger l WHERE l.ns = ANY (p_left) AND n.epoch = l.epoch AND n.id = p_id;
  RETURN v_at > v_now - ${NODE_MS} AND p_count - v_count <= 1;
END $$;
`

/** Part of the sweep: what processes that have ended left behind, and what was said of histories that have ended. */
export const sweepProcesses = (s: string): string => `
  DELETE FROM ${s}.node n WHERE n.at <= v_now - 10000;
  WITH ended AS (DELETE FROM ${s}.heartbeat b WHERE b.at <= v_now - 10000 RETURNING b.id)
  SELECT array_agg(e.id) INTO v_old FROM ended e;
  IF v_old IS NOT NULL THEN DELETE FROM ${s}.node n WHERE n.id = ANY (v_old) AND n.at = ${BY_HEARTBEAT}; END IF;
  DELETE FROM ${s}.node n WHERE n.at = ${BY_HEARTBEAT} AND n.epoch NOT IN (SELECT l.epoch FROM ${s}.ledger l);`

/** $1: the namespace. An earlier program's processes report with the time of each report. */
export const nodesStatement = (s: string): string => `SELECT n.id, n.seq, ${NOW} - t.at
  FROM ${s}.ledger l JOIN ${s}.node n ON n.epoch = l.epoch LEFT JOIN ${s}.heartbeat b ON b.id = n.id,
  LATERAL (SELECT CASE WHEN n.at = ${BY_HEARTBEAT} THEN b.at ELSE n.at END) AS t (at)
  WHERE l.ns = $1::bytea AND t.at > ${NOW} - ${NODE_MS} ORDER BY n.id`
