// What a process asks for all its namespaces at once, ten times a second: which of them stand where it does.
//
// Positions are compared, in the one moment of the statement. So nothing has to be told by those who move a record, or
// kept, or pruned; a lost history, a fail-over and a record that went back are met as by `pull`. What it costs grows
// with the namespaces that are asked about, by a look-up each.
import { identityIn, NOW, PLANS } from './ledger-record.ts'

/** @param s the schema's name, quoted. */
export const unmovedFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.unmoved(p_ns bytea[], p_epochs text[], p_seqs bigint[], p_external boolean) RETURNS text LANGUAGE plpgsql STABLE ${PLANS} AS $$
BEGIN
  -- As in pull: where the record must change first, nothing is confirmed.
  RETURN (SELECT string_agg(CASE WHEN l.epoch = u.epoch AND l.seq = u.seq AND l.server = ${identityIn(s)} AND (l.external OR NOT p_external)
      AND l.epoch NOT IN (SELECT h.epoch FROM ${s}.hold h WHERE h.until <= ${NOW}) THEN '1' ELSE '0' END, '' ORDER BY u.ord)
    FROM unnest(p_ns, p_epochs, p_seqs) WITH ORDINALITY AS u (ns, epoch, seq, ord) LEFT JOIN ${s}.ledger l ON l.ns = u.ns);
END $$;
`
