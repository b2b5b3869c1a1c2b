// The lease of a key: one load over all processes.
import { NOW } from './ledger-record.ts'

/** @param s the schema's name, quoted. */
export const leaseFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.lease(p_ns bytea, p_key bytea, p_id text, p_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  v_now bigint := ${NOW};
  v_left bigint;
BEGIN
  -- Answers -1 when granted, else how long the holder has left. Most who ask are refused, and being refused writes nothing.
  LOOP
    SELECT h.until - v_now INTO v_left FROM ${s}.lease h WHERE h.ns = p_ns AND h.key = p_key AND h.id <> p_id AND h.until > v_now;
    IF FOUND THEN RETURN v_left; END IF;
    INSERT INTO ${s}.lease AS h (ns, key, id, until) VALUES (p_ns, p_key, p_id, v_now + p_ms)
    ON CONFLICT (ns, key) DO UPDATE SET id = excluded.id, until = excluded.until WHERE h.id = excluded.id OR h.until <= v_now;
    IF FOUND THEN RETURN -1; END IF;
  END LOOP;
END $$;
`
