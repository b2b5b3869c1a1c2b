// Statements that change what names mean on their connection, such as `set search_path`.
import type { Statement } from '../statements/statement.ts'

/** After these the same SQL may mean something else on this connection, also for its next user. */
const MEANING =
  /\b(?:search_path|row_security|session_authorization|set_config)\b|\b(?:set|reset)\s+(?:session\s+|local\s+)?"?(?:role|session\s+authorization)\b|\b(?:reset|discard)\s+all\b|\bcreate\s+(?:global\s+|local\s+)?temp(?:orary)?\b|\bcreate\s+(?:table|view)\s+(?:if\s+not\s+exists\s+)?["'`[]?temp["'`\]]?\s*\.|(?:^|;)\s*(?:attach|detach)\b/i

const INTO_TEMPORARY = /^\s*(?:select|with)\b[^;]*\binto\s+(?:local\s+)?temp(?:orary)?\s/i

/** Ends with the transaction, and within a transaction nothing is answered from the cache. */
const SET_LOCAL = /^\s*set\s+local\b[^;]*;?\s*$/i
const SET_CONFIG = /\bset_config\b/gi
const SET_CONFIG_LOCAL = /\bset_config\s*\([^()]*,\s*true\s*\)/gi

/** Names mean something else after it, on this connection. */
export function changesMeaning({ kind, isOpaque }: Statement, sql: string): boolean {
  if (kind === 'write' && !isOpaque) return INTO_TEMPORARY.test(sql)
  if (kind === 'read' || (kind !== 'session' && !isOpaque)) return false
  return MEANING.test(sql) && (isOpaque || !isLocal(sql))
}

function isLocal(sql: string): boolean {
  const configs = sql.match(SET_CONFIG)?.length ?? 0
  return SET_LOCAL.test(sql) || (configs > 0 && sql.match(SET_CONFIG_LOCAL)?.length === configs)
}
