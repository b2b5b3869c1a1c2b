// Reads the ledger: the lines since a number, or everything in force.
import { identityIn, NOW, PLANS } from './ledger-record.ts'

/** @param s the schema's name, quoted. */
export const pullFunctions = (s: string): string => `
DROP FUNCTION IF EXISTS ${s}.pull(bytea, text, bigint, boolean, bigint, bigint);
CREATE FUNCTION ${s}.pull(p_ns bytea, p_epoch text, p_seq bigint, p_external boolean, p_tail bigint, p_snapshot bigint)
RETURNS TABLE (o_kind text, o_epoch text, o_seq bigint, o_floor bigint, o_lines text, o_outer bigint) LANGUAGE plpgsql STABLE ${PLANS} AS $$
DECLARE
  r ${s}.ledger;
  v_count bigint;
  v_keys bigint;
BEGIN
  SELECT * INTO r FROM ${s}.ledger WHERE ns = p_ns;
  -- Nothing is answered where the record must change first: see begin.
  IF r.epoch IS NULL OR r.server IS DISTINCT FROM ${identityIn(s)} OR (p_external AND NOT r.external) OR (r.epoch = p_epoch AND r.seq < p_seq)
    OR EXISTS (SELECT FROM ${s}.hold h WHERE h.epoch = r.epoch AND h.until <= ${NOW}) THEN RETURN; END IF;
  o_epoch := r.epoch; o_seq := r.seq; o_floor := r.floor; o_outer := greatest(r.floor, r.commit_floor);
  IF r.epoch = p_epoch AND p_seq >= r.oldest - 1 AND r.seq - p_seq <= p_tail THEN
    o_kind := 'tail';
    SELECT count(*), coalesce(string_agg(l.line, ',' ORDER BY l.seq), '') INTO v_count, o_lines FROM ${s}.line l WHERE l.epoch = r.epoch AND l.seq > p_seq;
    IF v_count = r.seq - p_seq THEN
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  o_kind := 'snapshot';
  -- More than a question may take to answer: the newest, and floors for this reader alone that stand for the rest.
  SELECT t.seq INTO v_count FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = ANY ('{t,p,a}') AND t.seq > r.floor
    ORDER BY t.seq DESC OFFSET p_snapshot LIMIT 1;
  o_floor := greatest(r.floor, v_count);
  SELECT t.seq INTO v_keys FROM ${s}.target t WHERE t.epoch = r.epoch AND t.kind = 'k' AND t.seq > r.floor
    ORDER BY t.seq DESC OFFSET p_snapshot LIMIT 1;
  o_outer := greatest(o_outer, o_floor, v_keys);
  SELECT coalesce(string_agg('[' || g.seq || ',"' || g.mode || '",' || g.meta || ',"' || g.names || '"]', ',' ORDER BY g.seq), '') INTO o_lines FROM (
    SELECT t.seq, t.mode, t.meta, string_agg(t.kind || encode(t.name, 'hex'), ' ') AS names FROM ${s}.target t
    WHERE t.epoch = r.epoch AND t.seq >= r.floor
      AND ((t.kind = 'k' AND (v_keys IS NULL OR t.seq > v_keys)) OR (t.kind <> 'k' AND (v_count IS NULL OR t.seq > v_count)))
    GROUP BY t.seq, t.mode, t.meta
  ) AS g;
  RETURN NEXT;
END $$;
`
