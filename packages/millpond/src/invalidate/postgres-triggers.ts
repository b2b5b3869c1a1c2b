// The triggers of PostgreSQL's change notifications: one NOTIFY per statement, sent by the server after the commit.
//
// What is notified: {"o": operation, "t": table, "k": [primary keys]}; without "k" any rows may have changed (too many,
// too long, TRUNCATE). Rows written straight into a partition fire the partition's triggers, not its parent's: watch
// the partitions then.
import { listOf, required, type Shape, text } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'

export interface WatchedTable {
  /** `users`, or `schema.users`. */
  readonly table: string
  /** The column of the row's id, or several: their texts are joined with U+001F. Default `id`. */
  readonly key?: string | readonly string[]
  /** The model's name. Default: the table's. */
  readonly model?: string
}

const columns = listOf<string>(text, "a list of columns, such as ['org_id', 'user_id']")

export const WATCHED_TABLE: Shape<WatchedTable> = {
  table: required(text),
  key: (value, at) => (typeof value === 'string' ? text(value, at) : columns(value, at)),
  model: text,
}

export interface PostgresChangesSql {
  /** Channel of the notifications: letters, digits, `_`. Default `millpond_changes`. */
  readonly channel?: string | undefined
  /** The tables that get a trigger. */
  readonly tables: readonly WatchedTable[]
}

/** The default channel. */
export const CHANNEL = 'millpond_changes'
/** NOTIFY takes less than 8000 bytes; the rest of the message needs some. */
const MAX_KEYS_BYTES = 7000
const MAX_KEYS = 200
const PART = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

/**
 * SQL that installs the triggers, in one transaction; can be repeated after a change. Needs TRIGGER on the tables and
 * CREATE on their schema.
 * @throws MillpondError `OPTION_INVALID` for names that are more than a name.
 */
export function installChangesSql({ channel = CHANNEL, tables }: PostgresChangesSql): string {
  const name = checkChannel(channel)
  return ['BEGIN;', ...tables.map((watched) => triggerSql(name, watched)), 'COMMIT;'].join('\n')
}

/** SQL that removes what `installChangesSql` created. */
export function removeChangesSql({ channel = CHANNEL, tables }: PostgresChangesSql): string {
  const name = checkChannel(channel)
  const drops = tables.map(({ table }) => {
    const { schema, short } = parts(table)
    return ['insert', 'update', 'delete', 'truncate']
      .map((kind) => `DROP TRIGGER IF EXISTS "${name}_${kind}" ON ${quoted(table)};`)
      .concat(`DROP FUNCTION IF EXISTS "${schema}"."${functionName(name, short)}"();`)
      .join('\n')
  })
  return ['BEGIN;', ...drops, 'COMMIT;'].join('\n')
}

function triggerSql(channel: string, { table, key = 'id' }: WatchedTable): string {
  const { schema, short } = parts(table)
  const columns = (typeof key === 'string' ? [key] : key).map((column) => `"${checkPart(column, 'key')}"::text`)
  const column = columns.length === 1 ? columns.join() : `concat_ws(chr(31), ${columns.join(', ')})`
  const fn = `"${schema}"."${functionName(channel, short)}"`
  const notify = (keys: string): string =>
    `PERFORM pg_notify('${channel}', json_build_object('o', TG_OP, 't', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME${keys})::text);`
  const trigger = (kind: string, rows: string): string =>
    `CREATE TRIGGER "${channel}_${kind}" AFTER ${kind.toUpperCase()} ON ${quoted(table)}${rows} FOR EACH STATEMENT EXECUTE FUNCTION ${fn}();`
  // An UPDATE may change the key: both the old and the new one are reported.
  return `
CREATE OR REPLACE FUNCTION ${fn}() RETURNS trigger LANGUAGE plpgsql AS $millpond$
DECLARE
  keys text[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(k) INTO keys FROM (SELECT DISTINCT ${column} AS k FROM new_rows LIMIT ${MAX_KEYS + 1}) AS touched;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(k) INTO keys FROM (SELECT DISTINCT ${column} AS k FROM old_rows LIMIT ${MAX_KEYS + 1}) AS touched;
  ELSIF TG_OP = 'UPDATE' THEN
    SELECT array_agg(k) INTO keys FROM (
      SELECT ${column} AS k FROM old_rows UNION SELECT ${column} FROM new_rows LIMIT ${MAX_KEYS + 1}
    ) AS touched;
  ELSE
    ${notify('')}
    RETURN NULL;
  END IF;
  IF keys IS NULL THEN
    RETURN NULL;
  END IF;
  IF cardinality(keys) > ${MAX_KEYS} OR octet_length(to_json(keys)::text) > ${MAX_KEYS_BYTES} THEN
    ${notify('')}
  ELSE
    ${notify(", 'k', to_json(keys)")}
  END IF;
  RETURN NULL;
END
$millpond$;
${['insert', 'update', 'delete', 'truncate'].map((kind) => `DROP TRIGGER IF EXISTS "${channel}_${kind}" ON ${quoted(table)};`).join('\n')}
${trigger('insert', ' REFERENCING NEW TABLE AS new_rows')}
${trigger('update', ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows')}
${trigger('delete', ' REFERENCING OLD TABLE AS old_rows')}
${trigger('truncate', '')}`
}

function parts(table: string): { readonly schema: string; readonly short: string } {
  const [first = '', second, ...more] = table.split('.')
  if (more.length > 0)
    throw new MillpondError('OPTION_INVALID', `table: ${show(table)} has too many dots: use 'users' or 'schema.users'`)
  return second === undefined
    ? { schema: 'public', short: checkPart(first, 'table') }
    : { schema: checkPart(first, 'table'), short: checkPart(second, 'table') }
}

/** `schema.table`, as notifications name it. */
export const fullName = (table: string): string => `${parts(table).schema}.${parts(table).short}`
const quoted = (table: string): string => `"${parts(table).schema}"."${parts(table).short}"`

function functionName(channel: string, short: string): string {
  const name = `${channel}_${short}`
  if (name.length <= 63) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `channel: ${show(channel)} and ${show(short)} make a name of more than 63 characters: choose a shorter channel`,
  )
}

function checkPart(name: string, what: string): string {
  if (PART.test(name)) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `${what}: ${show(name)} is not allowed: use letters, digits and '_', at most 63, as the database spells it`,
  )
}

export function checkChannel(name: unknown): string {
  // The names of triggers and functions contain it.
  if (typeof name === 'string' && PART.test(name) && name.length <= 40) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `channel: ${show(name)} is not allowed: use 1 to 40 letters, digits and '_'`,
  )
}
