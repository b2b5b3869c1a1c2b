// Entries on the server: how they are stored, and the checksum over the head of each.
import { PLANS } from './ledger-record.ts'

/** The checksum over the head of a stored record, of columns or aliases. */
export const headOf = (row: string): string =>
  `hashtextextended(${row}.epoch || ':' || ${row}.seq || ':' || coalesce(${row}.expires::text, ''), 0)`

/** @param s the schema's name, quoted. */
export const entryFunctions = (s: string): string => `
CREATE OR REPLACE FUNCTION ${s}.put(p_epochs text[], p_seqs bigint[], p_keys bytea[], p_starts integer[], p_lengths integer[], p_expires bigint[],
  p_allowed boolean[], p_bodies bytea) RETURNS void LANGUAGE plpgsql ${PLANS} AS $$
BEGIN
  -- In the order of keys, as everywhere: two who lock the same rows must not wait for each other. A length of -1 is gone already.
  IF -1 = ANY (p_lengths) OR false = ANY (p_allowed) THEN
    WITH gone AS (
      SELECT e.key FROM ${s}.entry e WHERE e.key IN (
        SELECT u.key FROM unnest(p_keys, p_lengths, p_allowed) AS u (key, length, allowed) WHERE u.length < 0 OR NOT u.allowed
      ) ORDER BY e.key FOR UPDATE
    ) DELETE FROM ${s}.entry e USING gone WHERE e.key = gone.key;
  END IF;
  INSERT INTO ${s}.entry AS e (key, epoch, seq, expires, head, body)
  SELECT w.key, w.epoch, w.seq, w.expires, ${headOf('w')}, substring(p_bodies FROM w.start FOR w.length) FROM (
    SELECT DISTINCT ON (u.key) * FROM unnest(p_epochs, p_seqs, p_keys, p_starts, p_lengths, p_expires, p_allowed)
      WITH ORDINALITY AS u (epoch, seq, key, start, length, expires, allowed, ord)
    WHERE u.allowed ORDER BY u.key, u.ord DESC
  ) AS w WHERE w.length >= 0 ORDER BY w.key
  ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, expires = excluded.expires, head = excluded.head, body = excluded.body,
    born = excluded.born;
END $$;
`
